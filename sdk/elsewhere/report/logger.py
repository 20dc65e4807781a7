"""The logger of a task: what a script reports by hand."""

from __future__ import annotations

import logging
import sys
from typing import SupportsFloat

from elsewhere.core.checks import checked_whole, plain
from elsewhere.core.clock import now_at
from elsewhere.core.errors import UsageError
from elsewhere.report.logger_aspect import checked_name
from elsewhere.report.matplotlib_figures import MatplotlibAspect
from elsewhere.report.plots import PlotsAspect
from elsewhere.report.point_plots import PointPlotsAspect


class Logger(PlotsAspect, PointPlotsAspect, MatplotlibAspect):
    """Reports scalars, values, texts, plots and samples of one task. All threads may share it.

    `Task.get_logger` makes it.
    """

    @classmethod
    def current_logger(cls) -> Logger | None:
        """Returns the logger of the task that this process is; None if it is not a task."""
        from elsewhere.core.current_task import current_task  # noqa: PLC0415

        task = current_task()
        logger: Logger | None = task.get_logger() if task is not None else None
        return logger

    def report_scalar(self, title: str, series: str, value: SupportsFloat, iteration: int) -> None:
        """Reports `value`, one number, at `iteration`, in the series `series` of the graph `title`.

        NaN and infinities are kept. Both may be scalars of numpy, or arrays or tensors of one
        number. Raises UsageError for an empty name, for a value that is not one number, and for an
        iteration that is not a whole number of 64 bits.
        """
        from elsewhere.core.events import Scalar  # noqa: PLC0415 - weight

        at_iteration = self._counted(iteration)
        event = Scalar(
            title=checked_name("title", title),
            series=checked_name("series", series),
            value=_number(value),
            iteration=at_iteration,
            at=now_at(),
        )
        self._record(event)

    def report_single_value(self, name: str, value: SupportsFloat) -> None:
        """Reports a `value` without iterations, such as a final score, under a `name`; the last one
        counts. Raises UsageError for an empty name and for a value that is not one number."""
        from elsewhere.core.events import single_value  # noqa: PLC0415 - weight

        self._record(single_value(checked_name("name", name), _number(value), now_at()))

    def report_text(self, msg: str, level: int = logging.INFO, print_console: bool = True) -> None:
        """Reports the text `msg` with a `level` of `logging`; prints it unless `print_console` is
        False. Raises UsageError for a level that is not a whole number."""
        from elsewhere.core.events import Text  # noqa: PLC0415 - weight

        note = " such as logging.WARNING"
        level = checked_whole("The level of report_text", level, note=note)
        text = str(msg)
        if print_console and sys.stdout is not None:
            print(text)
        # What UTF-8 cannot express, such as parts of undecodable file names, must not be lost.
        message = text.encode("utf-8", "backslashreplace").decode("utf-8")
        self._record(Text(message=message, level=level, at=now_at()))

    def flush(self, wait: bool = False) -> None:
        """Writes what was reported to disk; with `wait`, also waits until the store has it."""
        self._flush(wait)


def _number(value: object) -> float:
    number = value if isinstance(value, (int, float)) else plain(value)
    if not isinstance(number, (str, bytes, bytearray)):
        try:
            return float(number)
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            cause = str(error)
    else:
        cause = "it is text"
    raise UsageError(
        f"The value {value!r:.80} cannot be reported: {cause}. "
        "Pass one number, or an array or tensor that holds one number."
    )
