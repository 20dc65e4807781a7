"""What each aspect of the `Logger` has: where reports go, how they are named and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.report.reported import checked_iteration

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.core.events import Event
    from elsewhere.report.columns import Columns
    from elsewhere.report.offset import Offset


class LoggerAspect:
    """Records events of one task, see `Logger`."""

    def __init__(
        self,
        record: Callable[[Event], None],
        *,
        flush: Callable[[bool], object],
        columns: Columns,
        offset: Offset,
    ) -> None:
        self._record = record
        self._flush = flush
        self._columns = columns
        self._offset = offset

    def _counted(self, iteration: object) -> int:
        """The iteration to record for the reported one. Raises UsageError."""
        return checked_iteration(self._offset.shifted(checked_iteration(iteration)))
