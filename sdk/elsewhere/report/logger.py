"""The logger of a task: what a script reports by hand."""

from __future__ import annotations

import logging
import sys

from elsewhere.core.checks import checked_whole
from elsewhere.core.clock import now_at
from elsewhere.report.matplotlib_figures import MatplotlibAspect
from elsewhere.report.plots import PlotsAspect
from elsewhere.report.point_plots import PointPlotsAspect
from elsewhere.report.scalars_aspect import ScalarsAspect


class Logger(ScalarsAspect, PlotsAspect, PointPlotsAspect, MatplotlibAspect):
    """Reports scalars, values, texts, plots and samples of one task. All threads may share it.

    `Task.get_logger` makes it: `record` takes events, points of scalars go into `columns`, `flush`
    writes both, and `offset` shifts iterations, since a continued task counts on.
    """

    @classmethod
    def current_logger(cls) -> Logger | None:
        """Returns the logger of the task that this process is; None if it is not a task."""
        from elsewhere.core.current_task import current_task  # noqa: PLC0415

        task = current_task()
        logger: Logger | None = task.get_logger() if task is not None else None
        return logger

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
