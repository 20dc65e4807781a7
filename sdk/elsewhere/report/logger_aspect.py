"""What each aspect of the `Logger` has: where reports go, how they are named and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.core.clock import now_at
from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.core.late_logger import late_logger
from elsewhere.report.reported import checked_iteration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from elsewhere.core.events import Event
    from elsewhere.report.columns import Columns
    from elsewhere.report.offset import Offset

logger = late_logger(__name__)

#: seconds between two times that stores tell apart
_TICK_S: Final = 1e-6


class LoggerAspect:
    """Records events of one task, see `Logger`."""

    def __init__(
        self,
        record: Callable[[Event], None],
        *,
        flush: Callable[[bool], object],
        columns: Columns,
        offset: Offset,
        files: Path | None,
        known: KnownSecrets | None = None,
        image_quality: int = 87,
    ) -> None:
        """`record` takes the events, `flush` writes them, points of scalars go into `columns`, and
        `offset` shifts iterations, since a continued task counts on. Files that go with a report
        are staged in `files`, a folder of the run folder, None without a run. The secrets that are
        `known`, by default those of this process, are hidden. JPEG has `image_quality`."""
        self._record = record
        self._flush = flush
        self._columns = columns
        self._offset = offset
        self._files = files
        self._known = known or KnownSecrets.of_this_process()
        self._image_quality = image_quality
        self._last_at = 0.0
        self._warnings: set[str] = set()

    def _counted(self, iteration: object) -> int:
        """The iteration to record for the reported one. Raises UsageError."""
        return checked_iteration(self._offset.shifted(checked_iteration(iteration)))

    def _reported_at(self) -> float:
        """The time of a report whose time orders it: later than that of the last one, also where
        the clock was set back."""
        self._last_at = max(now_at(), self._last_at + _TICK_S)
        return self._last_at

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._warnings:
            self._warnings.add(sentence)
            logger.warning("%s", sentence)
