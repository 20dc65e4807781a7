"""Plots as their readers get them, of a task or of a model (`store.model_records.reports_of`): the
JSON of the figure, wherever it lies."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from elsewhere.artifacts.far import of_item
from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.core.checks import checked_whole
from elsewhere.core.errors import RecordError, StorageError
from elsewhere.core.plot_events import MOST_BYTES, Plot, from_figure, unpack
from elsewhere.core.records import Artifact
from elsewhere.core.settings import load
from elsewhere.store.model_records import model_of

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)


def checked_last(max_iterations: int | None) -> int:
    """How many plots of a series are wanted, 1 by default. Raises UsageError."""
    return 1 if max_iterations is None else checked_whole("max_iterations", max_iterations, 1)


def plots_of(store: TaskStore, holder: str, last: int) -> list[dict[str, Any]]:
    """The `last` plots of each series, as `Task.get_reported_plots` gives them."""
    cache, found = load().home.cache, []
    for one in store.histories(holder, Plot):
        plots = store.history(holder, Plot, one.title, one.series, last=last)
        for plot in sorted(plots, key=lambda plot: plot.iteration):
            try:
                text = figure_json(store, holder, plot, cache)
            except (StorageError, RecordError) as error:
                what = f"model {model}" if (model := model_of(holder)) else f"task {holder}"
                logger.warning("A plot of %s is left out. %s", what, error)
            else:
                found.append(_as_dict(holder, plot, text))
    return found


def figure_json(store: TaskStore, task_id: str, plot: Plot, cache: Path) -> str:
    """The JSON of the figure of a `plot`, with a local copy in `cache` where it lies in a file.
    Raises StorageError where that cannot be had, and RecordError where it is not a figure."""
    if plot.problem:
        raise StorageError(f"The plot {plot.name!r} is not there. {plot.problem}")
    if not plot.digest:
        return from_figure(plot.figure)
    packed = Artifact(
        name=f"{plot.name} at {plot.iteration}",
        type="file",
        url=plot.url,
        digest=plot.digest,
        machine=plot.machine,
    )
    handle = _PlotHandle(packed, cache, far=of_item(store, task_id, plot))
    with handle.get_local_copy().open("rb") as file:
        return unpack(file.read(MOST_BYTES))


class _PlotHandle(ArtifactHandle):
    _noun = "plot"


def _as_dict(holder: str, plot: Plot, text: str) -> dict[str, Any]:
    model = model_of(holder)
    return {
        **({"model": model} if model else {"task": holder}),
        "type": "plot",
        "metric": plot.title,
        "variant": plot.series,
        "iter": plot.iteration,
        "timestamp": round(plot.at * 1000),
        "plot_str": text,
        "plot_len": len(text),
    }
