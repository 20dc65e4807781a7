"""Scalars: numbers by iteration, and numbers without one."""

from __future__ import annotations

import struct
from typing import Final, SupportsFloat

from elsewhere.core.clock import now_at
from elsewhere.core.scalars import POINT
from elsewhere.report.logger_aspect import LoggerAspect
from elsewhere.report.non_finite import replaced
from elsewhere.report.reported import checked_iteration, checked_name, checked_value

_PACK: Final = POINT.pack
#: bytes of a column above which the code that reports writes by itself
_FULL_BYTES: Final = 1 << 20


class ScalarsAspect(LoggerAspect):
    """Reports scalars."""

    def report_scalar(
        self, title: str, series: str, value: SupportsFloat, iteration: int | None = None
    ) -> None:
        """Reports `value`, one number, at `iteration`, in the series `series` of the graph `title`.

        Without an `iteration` it is the one behind the last of this series in this process, from 0
        on. NaN and infinities are kept, unless the `Logger` was told otherwise. Value and iteration
        may be scalars of numpy, or arrays or tensors of one number. Raises UsageError for an empty
        name, for a value that is not one number, and for an iteration that is not a whole number of
        64 bits.
        """
        # A training loop calls this: packed and appended in a microsecond, written by a thread.
        columns = self._columns
        try:
            column = columns[title, series]
        except TypeError:  # a name that has no hash
            column = columns[checked_name("title", title), checked_name("series", series)]
        if type(value) is not float:
            value = checked_value(value)
        if value - value:  # not finite
            value = replaced(value, f"{column.title}/{column.series}")
        if type(iteration) is not int:
            is_next = iteration is None
            iteration = column.iteration + 1 if is_next else checked_iteration(iteration)
        points, offset = column.points, self._offset
        try:
            recorded = iteration + offset.added  # type: ignore[operator]
            points += _PACK(recorded, now_at(), value)
        except (TypeError, struct.error):  # the first iteration, or one that has more than 64 bits
            recorded = self._counted(iteration)
            points += _PACK(recorded, now_at(), value)
        column.iteration, offset.last = iteration, recorded
        if not columns.is_awake or len(points) > _FULL_BYTES:
            columns.wake()

    def report_single_value(self, name: str, value: SupportsFloat) -> None:
        """Reports a `value` without iterations, such as a final score, under a `name`; the last one
        counts. Raises UsageError for an empty name and for a value that is not one number."""
        from elsewhere.core.events import single_value  # noqa: PLC0415 - weight

        name, number = checked_name("name", name), checked_value(value)
        if number - number:  # not finite
            number = replaced(number, name)
        self._record(single_value(name, number, now_at()))
