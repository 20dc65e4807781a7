"""A task's plots, read from the store."""

from __future__ import annotations

from typing import Any

from elsewhere.core.checks import checked_whole
from elsewhere.core.errors import RecordError, StorageError
from elsewhere.core.late_logger import late_logger
from elsewhere.task.handle import Handle

logger = late_logger(__name__)


class ReportedPlotsAspect(Handle):
    """Every call first delivers what this process has reported before."""

    def get_reported_plots(self, max_iterations: int | None = None) -> list[dict[str, Any]]:
        """The plots as reported, by title, series and iteration, with their figures in JSON.

        `max_iterations` is the number of reports of each series, the last ones; 1 by default. Each
        plot is {"metric": title, "variant": series, "iter": iteration, "plot_str": JSON as plotly
        reads it, "plot_len": its length in characters, "timestamp": milliseconds since 1970,
        "task": id, "type": "plot"}. One that cannot be read is left out, with a warning.

        Raises UsageError for anything but a whole number from 1 on, and NotFoundError for a deleted
        task.
        """
        from elsewhere.artifacts.plots import figure_json  # noqa: PLC0415 - weight
        from elsewhere.core.events import Plot  # noqa: PLC0415 - weight
        from elsewhere.core.settings import load  # noqa: PLC0415 - weight

        last = 1 if max_iterations is None else checked_whole("max_iterations", max_iterations, 1)
        self.reload()
        store, cache, found = self.access.store, load().home.cache, []
        for one in store.histories(self.id, Plot):
            plots = store.history(self.id, Plot, one.title, one.series, last=last)
            for plot in sorted(plots, key=lambda plot: plot.iteration):
                try:
                    text = figure_json(store, self.id, plot, cache)
                except (StorageError, RecordError) as error:
                    logger.warning("A plot of task %s is left out. %s", self.id, error)
                else:
                    found.append(_as_dict(self.id, plot, text))
        return found


def _as_dict(task_id: str, plot: Any, text: str) -> dict[str, Any]:
    return {
        "task": task_id,
        "type": "plot",
        "metric": plot.title,
        "variant": plot.series,
        "iter": plot.iteration,
        "timestamp": round(plot.at * 1000),
        "plot_str": text,
        "plot_len": len(text),
    }
