"""What each aspect of the `Logger` has: where reports go, how they are named and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, SupportsIndex

from elsewhere.core.checks import plain
from elsewhere.core.clock import now_at
from elsewhere.core.errors import UsageError
from elsewhere.core.late_logger import late_logger
from elsewhere.core.secrets import KnownSecrets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from elsewhere.core.events import Event

logger = late_logger(__name__)

#: seconds between two times that stores tell apart
_TICK_S: Final = 1e-6
#: iterations are kept in 64 bits
_MOST_ITERATION: Final = 2**63 - 1


class LoggerAspect:
    """Records events of one task."""

    def __init__(
        self,
        record: Callable[[Event], None],
        *,
        flush: Callable[[bool], object],
        files: Path,
        known: KnownSecrets | None = None,
        image_quality: int = 87,
        shifted: Callable[[int], int] = lambda iteration: iteration,
    ) -> None:
        """`record` takes the events, `flush` writes them, and `shifted` gives the iteration that is
        recorded for the reported one, since a continued task counts on. Files that go with a report
        are staged in `files`, a folder of the run folder, without the secrets that are `known`, by
        default those of this process. JPEG has `image_quality`.
        """
        self._record = record
        self._flush = flush
        self._files = files
        self._known = known or KnownSecrets.of_this_process()
        self._image_quality = image_quality
        self._shifted = shifted
        self._last_at = 0.0
        self._warnings: set[str] = set()

    def _counted(self, iteration: object) -> int:
        """The iteration to record for the reported one. Raises UsageError."""
        return _whole(self._shifted(_whole(iteration)))

    def _reported_at(self) -> float:
        """The time of a report whose time orders it: later than that of the last one, also where
        the clock was set back."""
        self._last_at = max(now_at(), self._last_at + _TICK_S)
        return self._last_at

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._warnings:
            self._warnings.add(sentence)
            logger.warning("%s", sentence)


def checked_name(argument: str, name: object) -> str:
    """The `name` given as this `argument`, as UTF-8 can express it. Raises UsageError."""
    if isinstance(name, str) and name.strip():
        return name.encode("utf-8", "backslashreplace").decode("utf-8")
    raise UsageError(
        f"A value cannot be reported with {argument}={name!r}: it must be text that is not empty. "
        f"Pass a {argument} such as 'loss'."
    )


def _whole(iteration: object) -> int:
    given = iteration if isinstance(iteration, int) else plain(iteration)
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, SupportsIndex) and not isinstance(given, bool):
        try:
            number = int(given.__index__())
        except TypeError:  # an array or tensor that is no single whole number
            pass
        else:
            if abs(number) <= _MOST_ITERATION:
                return number
    raise UsageError(
        f"A value cannot be reported at iteration={iteration!r:.80}: it must be a whole number, "
        "of 64 bits at most. "
        "Pass the number of the step or epoch as an int."
    )
