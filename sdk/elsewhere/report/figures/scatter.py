"""Points and lines in two and in three dimensions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import UsageError
from elsewhere.report.figures.layout import axis, figure
from elsewhere.report.figures.shapes import checked_choice, columns_of, labels_of, series_of

if TYPE_CHECKING:
    pass

MODES: Final = ("lines", "markers", "lines+markers")
#: scatter3d: the surface stands upright, below the points
_FILL: Final = 2


def scatter2d(
    title: str,
    series: str,
    scatter: object,
    *,
    xaxis: str | None = None,
    yaxis: str | None = None,
    labels: object = None,
    mode: str = "lines",
    comment: str | None = None,
    extra_layout: object = None,
) -> dict[str, Any]:
    """Points (x, y), or several series of them. `labels` are as many texts. Raises UsageError."""
    look = {"type": "scatter", "mode": checked_choice("mode", mode, MODES)}
    traces = _traces(series, scatter, labels, "xy", look)
    layout = {"xaxis": axis(xaxis), "yaxis": axis(yaxis)}
    return figure(title, traces, layout, comment=comment, extra_layout=extra_layout)


def scatter3d(
    title: str,
    series: str,
    scatter: object,
    *,
    xaxis: str | None = None,
    yaxis: str | None = None,
    zaxis: str | None = None,
    labels: object = None,
    mode: str = "markers",
    fill: bool = False,
    comment: str | None = None,
    extra_layout: object = None,
) -> dict[str, Any]:
    """Points (x, y, z), or several series of them; `fill` draws a surface through them. Raises
    UsageError."""
    look: dict[str, Any] = {"type": "scatter3d", "mode": checked_choice("mode", mode, MODES)}
    look |= {"marker": {"size": 5, "opacity": 0.8}} | ({"surfaceaxis": _FILL} if fill else {})
    traces = _traces(series, scatter, labels, "xyz", look)
    scene = {"xaxis": axis(xaxis), "yaxis": axis(yaxis), "zaxis": axis(zaxis)}
    return figure(title, traces, {"scene": scene}, comment=comment, extra_layout=extra_layout)


def lines(
    title: str,
    _series: str,
    series: object,
    *,
    xaxis: str | None,
    yaxis: str | None,
    mode: str = "lines",
    reverse_xaxis: bool = False,
    comment: str | None = None,
    extra_layout: object = None,
) -> dict[str, Any]:
    """Lines of several names. Each of the `series` has `name`, `data`, points (x, y), and perhaps
    `labels`, as keys of a dict or as attributes. Raises UsageError."""
    look = {"type": "scatter", "mode": checked_choice("mode", mode, MODES)}
    traces: list[dict[str, Any]] = []
    for one in series if isinstance(series, Iterable) else [series]:
        name, data, labels = (_part(one, part) for part in ("name", "data", "labels"))
        if not isinstance(name, str) or data is None:
            raise UsageError(
                "Each series of a line plot is a dict with its name and its points, such as "
                f"{{'name': 'loss', 'data': [(0, 1.5), (1, 1.2)]}}, not {one!r:.80}."
            )
        traces += _traces(name, data, labels, "xy", look)
    order = {"autorange": "reversed"} if reverse_xaxis else {}
    layout = {"xaxis": axis(xaxis, **order), "yaxis": axis(yaxis)}
    return figure(title, traces, layout, comment=comment, extra_layout=extra_layout)


def _part(one: object, name: str) -> Any:
    return one.get(name) if isinstance(one, dict) else getattr(one, name, None)


def _traces(
    name: str, scatter: object, labels: object, axes: str, look: dict[str, Any]
) -> list[dict[str, Any]]:
    """A trace for each series of points: several are numbered, and have a list of labels each."""
    all_points = series_of("The points of a scatter plot", scatter, len(axes))
    several = len(all_points) > 1
    each: Any = labels if several and labels is not None else [labels] * len(all_points)
    if len(each) != len(all_points):
        raise UsageError(f"labels must have a list for each of the {len(all_points)} series.")
    traces = []
    for number, (points, texts) in enumerate(zip(all_points, each, strict=True), 1):
        columns = columns_of(points, len(axes))
        texts = labels_of("labels", texts, len(points))
        trace = {"name": f"{name} {number}" if several else name, **look}
        trace |= dict(zip(axes, columns, strict=True))
        traces.append(trace | ({} if texts is None else {"text": texts}))
    return traces
