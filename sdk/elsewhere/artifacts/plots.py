"""Plots as their readers get them: the JSON of the figure, wherever it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.artifacts.far import of_item
from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.core.errors import StorageError
from elsewhere.core.plot_events import MOST_BYTES, from_figure, unpack
from elsewhere.core.records import Artifact

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.core.plot_events import Plot
    from elsewhere.store.api import TaskStore


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
