"""Words for people, on a terminal as on a page: ids, times, sizes, numbers, outcomes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.core.records import Outcome

#: hex digits of an id that people see
_SHORT: Final = 8
_BARS: Final = "▁▂▃▄▅▆▇█"


def duration(seconds: float) -> str:
    """A time for people: `0.25 s`, `42 s`, `5 min`, `3 h`, `12 d`."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.2f} s"
    for unit, length, until in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172800)):
        if seconds < until:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def number(value: float) -> str:
    """The `value` with six significant digits."""
    return f"{value:.6g}"


def counted(number: int, what: str) -> str:
    """So many of `what`, a noun that takes an s: `1 point`, `3 points`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def sparkline(values: Sequence[float], width: int = 16) -> str:
    """A curve of the `values` in at most `width` characters; one without a number is a blank."""
    shown = values[:: max(1, len(values) // width)][-width:]
    there = [value for value in shown if math.isfinite(value)]
    low, high = (min(there), max(there)) if there else (0.0, 0.0)
    # Divided first: the range of two finite numbers may be infinite.
    span = high / 2 - low / 2
    top = len(_BARS) - 1
    return "".join(
        _BARS[round((value / 2 - low / 2) / span * top) if span else 0]
        if math.isfinite(value)
        else " "
        for value in shown
    )


def short(task_id: str) -> str:
    """The beginning of an id; commands take it in place of the whole."""
    return task_id[:_SHORT]


def size(count_bytes: int) -> str:
    """A number of bytes for people: `812 B`, `1.5 KiB`, `64.0 MiB`."""
    if count_bytes < 1024:
        return f"{count_bytes} B"
    power = min(int(math.log2(count_bytes)) // 10, 4)
    return f"{count_bytes / 1024**power:.1f} {'KMGT'[power - 1]}iB"


def why(outcome: Outcome) -> str:
    """The sentence of an outcome, to stand before its message: what that repeats is left out."""
    reason, _, detail = outcome.sentence.partition(": ")
    is_repeated = bool(detail) and not outcome.phase and detail in outcome.message
    return reason if is_repeated else outcome.sentence
