"""What a model reports of itself: scalars and plots, by the calls of the `Logger`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.core.events import ModelReported, Plot, Scalars
from elsewhere.models.owners import UNPUBLISHED
from elsewhere.report.columns import Columns
from elsewhere.report.logger_aspect import LoggerAspect
from elsewhere.report.offset import Offset
from elsewhere.report.plots import PlotsAspect
from elsewhere.report.point_plots import PointPlotsAspect
from elsewhere.report.scalars_aspect import ScalarsAspect

if TYPE_CHECKING:
    from elsewhere.core.events import Event
    from elsewhere.report.recorder import OwnRun
    from elsewhere.report.task_access import TaskAccess

#: points of one event at most
_BLOCK: Final = 2048


class ReportingModel(ScalarsAspect, PlotsAspect, PointPlotsAspect):
    """The part of an output model that reports. What it reports is kept with the model, goes with
    it, and takes no part in the scalars and plots of its task."""

    def _begin_reports(self, owner: TaskAccess[OwnRun], model_id: str) -> None:
        """Reports go through the task of `owner`, which made the model."""
        run = owner.run

        def record(event: Event) -> None:
            plot = event if isinstance(event, Plot) else None
            scalars = None if plot is not None else Scalars(columns=tuple(event.points()))
            reported = ModelReported(model=model_id, scalars=scalars, plot=plot)
            owner.record_event(reported, allowed=UNPUBLISHED)

        def write() -> None:
            for block in columns.blocks(_BLOCK):
                taken = [points for column, size in block if (points := column.take(size))]
                if taken:
                    record(Scalars(columns=tuple(taken)))

        # Never awake: each point is written by the code that reports it.
        columns = Columns(write)
        LoggerAspect.__init__(
            self,
            record,
            flush=lambda _wait: None,
            columns=columns,
            offset=Offset() if run is None else run.offset,
            files=None if run is None else run.folder.files,
        )
