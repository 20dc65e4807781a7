"""A task's plots, read from the store."""

from __future__ import annotations

from typing import Any

from elsewhere.task.handle import Handle


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
        from elsewhere.artifacts.plots import checked_last, plots_of  # noqa: PLC0415 - weight

        last = checked_last(max_iterations)
        self.reload()
        return plots_of(self.access.store, self.id, last)
