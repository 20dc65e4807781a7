"""Words for people and JSON for programs. What others wrote is shown, never obeyed."""

from __future__ import annotations

import json
import math
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.codec import to_plain

if TYPE_CHECKING:
    from elsewhere.core.records import Outcome

__all__ = [
    "clean",
    "duration",
    "json_text",
    "number",
    "safe_for_terminal",
    "say",
    "short",
    "size",
    "why",
]

#: hex digits of an id that people see
_SHORT: Final = 8


def short(task_id: str) -> str:
    """The beginning of an id; commands take it in place of the whole."""
    return task_id[:_SHORT]


def clean(text: str) -> str:
    """One line without escape sequences and control characters."""
    visible = (" " if c.isspace() else c for c in _ESCAPES.sub("", text.replace("\n", " ")))
    return "".join(c for c in visible if c.isprintable())


def say(text: str, program: str = "elsewhere") -> None:
    """Our own words beside a command's output: on stderr, at once. Its lines stay lines."""
    lines = "\n".join(map(clean, text.split("\n")))
    print(f"{program}: {lines}", file=sys.stderr, flush=True)


def why(outcome: Outcome) -> str:
    """The sentence of an outcome, to stand before its message: what that repeats is left out."""
    reason, _, detail = outcome.sentence.partition(": ")
    is_repeated = bool(detail) and not outcome.phase and detail in outcome.message
    return reason if is_repeated else outcome.sentence


def safe_for_terminal(text: str) -> str:
    """Line ends, tabs and colours stay; every other escape sequence and control character goes."""
    return _ESCAPES.sub(r"\1", text)


#: group 1 is what may stay: `Select Graphic Rendition`, ECMA-48 section 8.3.117
_ESCAPES: Final = re.compile(
    r"(\x1b\[[0-9;:]*m)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # other control sequences
    # titles, links, clipboard and the like: up to their end, or that of the line
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


def duration(seconds: float) -> str:
    """`0.25 s`, `42 s`, `5 min`, `3 h`, `12 d`."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.2f} s"
    for unit, length, until in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172800)):
        if seconds < until:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def size(count_bytes: int) -> str:
    """`812 B`, `1.5 KiB`, `64.0 MiB`."""
    if count_bytes < 1024:
        return f"{count_bytes} B"
    power = min(int(math.log2(count_bytes)) // 10, 4)
    return f"{count_bytes / 1024**power:.1f} {'KMGT'[power - 1]}iB"


def number(value: float) -> str:
    """Six significant digits."""
    return f"{value:.6g}"


def json_text(value: object) -> str:
    """ASCII, so that it survives any terminal and pipe. What JSON cannot say (NaN) is null."""
    return json.dumps(_finite(to_plain(value)), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
