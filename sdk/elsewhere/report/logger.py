"""The logger of a task: what a script reports by hand."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

from elsewhere.core.checks import checked_flag, checked_whole
from elsewhere.core.clock import now_at
from elsewhere.report.matplotlib_figures import MatplotlibAspect
from elsewhere.report.non_finite import INFINITY, NAN
from elsewhere.report.plots import PlotsAspect
from elsewhere.report.point_plots import PointPlotsAspect
from elsewhere.report.scalars_aspect import ScalarsAspect
from elsewhere.report.tensorboard_settings import TENSORBOARD

if TYPE_CHECKING:
    from collections.abc import Iterator


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

    def flush(self, wait: bool = False) -> bool:
        """Writes what was reported to disk; with `wait`, also waits until the store has it. False
        where the store did not take it in time: it gets it later."""
        return self._flush(wait) is not False

    def get_flush_period(self) -> float | None:
        """Returns None: what is reported is written at once, and not by a period."""
        return None

    def set_flush_period(self, period: float | None) -> None:
        """Changes nothing, which a warning says once, whatever the `period` is in seconds."""
        self._changes_nothing(f"set_flush_period({period!r})")

    def get_flush_threshold(self) -> int | None:
        """Returns None: what is reported is written at once, however little it is."""
        return None

    def set_flush_threshold(self, threshold: int | None) -> None:
        """Changes nothing, which a warning says once, whatever number of reports the `threshold`
        is."""
        self._changes_nothing(f"set_flush_threshold({threshold!r})")

    def _changes_nothing(self, call: str) -> None:
        self._warn_once(
            f"{call} changes nothing: what is reported is on disk within a tenth of a second, and"
            " in the store as soon as that can be reached."
        )

    @contextlib.contextmanager
    def capture_logging(self) -> Iterator[None]:
        """Within it, reports each record of `logging` that comes to the root logger as a text."""
        handler = _Texts(self)
        logging.root.addHandler(handler)
        try:
            yield
        finally:
            logging.root.removeHandler(handler)

    @classmethod
    def set_reporting_nan_value(cls, value: float | None, warn_period: int = 1000) -> None:
        """Records `value` for each NaN from now on in this process, None for NaN itself, as it is
        by default. Each `warn_period`-th is a warning. Raises UsageError."""
        NAN.set(value, warn_period)

    @classmethod
    def set_reporting_inf_value(cls, value: float | None, warn_period: int = 1000) -> None:
        """Records `value` for each infinity from now on in this process, None for infinity itself,
        as it is by default. Each `warn_period`-th is a warning. Raises UsageError."""
        INFINITY.set(value, warn_period)

    @classmethod
    def tensorboard_auto_group_scalars(cls, group_scalars: bool = False) -> None:
        """Sets whether scalars of TensorBoard whose tag names no graph are in one, "Scalars": those
        that are recorded from now on in this process, if `group_scalars`. Raises UsageError."""
        TENSORBOARD.groups_scalars = checked_flag("group_scalars", group_scalars)

    @classmethod
    def tensorboard_single_series_per_graph(cls, single_series: bool = False) -> None:
        """Sets whether each scalar of TensorBoard has a graph of its own: those that are recorded
        from now on in this process, if `single_series`. Raises UsageError."""
        TENSORBOARD.has_graph_for_each = checked_flag("single_series", single_series)


class _Texts(logging.Handler):
    """Reports records of `logging` as texts."""

    def __init__(self, task_logger: Logger) -> None:
        super().__init__()
        self._logger = task_logger

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - the program's own arguments, as logging treats them
            self.handleError(record)
            return
        self._logger.report_text(text, record.levelno, print_console=False)
