"""Scalars as their readers get them, of a task or of a model (`store.model_records.reports_of`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.checks import checked_whole
from elsewhere.core.choices import ScalarKind
from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.scalars import SINGLES, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.store.api import TaskStore


def _iso(at: float) -> str:
    from datetime import datetime, timezone  # noqa: PLC0415 - weight

    return datetime.fromtimestamp(at, timezone.utc).isoformat()


#: what stands on an axis, of a point's iteration and time
_AXES: Final[dict[str, Callable[[int, float], Any]]] = {
    "iter": lambda iteration, _at: iteration,
    "timestamp": lambda _iteration, at: round(at * 1000),
    "iso_time": lambda _iteration, at: _iso(at),
}


def checked_axis(x_axis: str) -> str:
    """The name of an axis. Raises UsageError."""
    if x_axis not in list(_AXES):  # a list may be asked for what cannot be hashed
        known = known_choices(str(x_axis), _AXES)
        raise UsageError(f"There is no x_axis {x_axis!r:.80}. {known}")
    return x_axis


def checked_samples(max_samples: int) -> int:
    """The most points of a series, 0 for all. Raises UsageError."""
    return checked_whole("max_samples", max_samples, 0, note=", 0 for all")


def scalars_of(
    store: TaskStore, holder: str, most: int, x_axis: str
) -> dict[str, dict[str, dict[str, Any]]]:
    """The curves, as `Task.get_reported_scalars` gives them."""
    names = [(item.title, item.series) for item in store.series(holder)]
    curves = store.curves([(holder, *name) for name in names], most)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (title, series), curve in zip(names, curves, strict=True):
        found.setdefault(title, {})[series] = {
            "name": series,
            "x": list(map(_AXES[x_axis], curve.iterations, curve.times)),
            "y": list(curve.values),
        }
    return found


def summaries_of(store: TaskStore, holder: str) -> dict[str, dict[str, dict[str, float]]]:
    """The last, lowest and highest value of each series."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for item in store.series(holder):
        summary = {"last": item.last, "min": item.minimum, "max": item.maximum}
        found.setdefault(item.title, {})[item.series] = summary
    return found


def single_values_of(store: TaskStore, holder: str) -> dict[str, float]:
    """The single values by name, also of those whose name a curve of the same title has."""
    values = {}
    for item in store.series(holder):
        if item.kind is ScalarKind.SINGLE:
            values[item.series] = item.last
        elif item.title == SINGLES:
            points = store.points(holder, item.title, item.series)
            single = [value for at, _, value in points if kind_of(SINGLES, at) is ScalarKind.SINGLE]
            if single:
                values[item.series] = single[-1]
    return values
