"""Points of `scatter`, segments of error bars, areas between curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.report.figures.matplotlib.style import (
    PX,
    SYMBOLS,
    Unfaithful,
    colours,
    dash,
    unlisted,
)

if TYPE_CHECKING:
    from elsewhere.report.figures.matplotlib.axes import Drawing


def draw_points(points: Any, drawing: Drawing) -> None:
    """Draws a `PathCollection`: markers of one form."""
    if points.get_offset_transform() is not drawing.axes.transData or points.get_hatch():
        raise Unfaithful("points that are not in data, or hatched")
    offsets, mapped = points.get_offsets(), points.get_array()
    is_mapped = mapped is not None
    fill = points.to_rgba(mapped, points.get_alpha()) if is_mapped else points.get_facecolors()
    is_face = isinstance(points._edgecolors, str) or is_mapped
    edge = fill if is_face else points.get_edgecolors()
    name, scale = _symbol(points)
    if name.endswith("-open"):
        fill = edge if len(edge) else fill
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": drawing.x.values(offsets[:, 0]),
        "y": drawing.y.values(offsets[:, 1]),
        "marker": {
            "symbol": name,
            "size": unlisted([size**0.5 * scale * PX for size in points.get_sizes().tolist()]),
            "color": colours(fill) if len(fill) else "rgba(0,0,0,0)",
            "line": {
                "color": colours(edge) if len(edge) else "rgba(0,0,0,0)",
                "width": unlisted([width * PX for width in points.get_linewidths()]),
            },
        },
    }
    counts = [len(one) for one in _lists(trace["marker"])]
    if any(count != len(offsets) for count in counts):  # they would go round
        raise Unfaithful("properties for some of the points")
    drawing.add(points, trace)


def draw_segments(lines: Any, drawing: Drawing) -> None:
    """Draws a `LineCollection` whose lines look alike: `errorbar`, `hlines`, `vlines`."""
    _check_in_data(lines, drawing)
    looks = (lines.get_edgecolors(), lines.get_linewidths(), lines.get_linestyles())
    if lines.get_array() is not None or any(len(look) != 1 for look in looks):
        raise Unfaithful("segments of several colours")
    x: list[Any] = []
    y: list[Any] = []
    for segment in lines.get_segments():
        x += [*drawing.x.values(segment[:, 0]), None]
        y += [*drawing.y.values(segment[:, 1]), None]
    (edge,), (width,), (pattern,) = looks
    line = {"color": colours([edge]), "width": width * PX, "dash": dash(pattern)}
    drawing.add(lines, {"type": "scatter", "mode": "lines", "x": x[:-1], "y": y[:-1], "line": line})


def draw_areas(areas: Any, drawing: Drawing) -> None:
    """Draws a `PolyCollection` of one colour: `fill_between`, `stackplot`."""
    _check_in_data(areas, drawing)
    looks = (areas.get_facecolors(), areas.get_linewidths())
    if areas.get_array() is not None or areas.get_hatch() or any(len(one) != 1 for one in looks):
        raise Unfaithful("areas of several colours")
    edges = areas.get_edgecolors()
    if len(edges) > 1:
        raise Unfaithful("areas with edges of several colours")
    line = {"color": colours(edges) if len(edges) else "rgba(0,0,0,0)", "width": 0.0}
    if len(edges) and edges[0][3]:
        line["width"] = areas.get_linewidths()[0] * PX
    for number, path in enumerate(areas.get_paths()):
        trace = {
            "type": "scatter",
            "mode": "lines",
            "x": drawing.x.values(path.vertices[:, 0]),
            "y": drawing.y.values(path.vertices[:, 1]),
            "fill": "toself",
            "fillcolor": colours(looks[0]),
            "line": line,
            "hoverinfo": "skip",
        }
        drawing.add(areas if not number else None, trace)


def _check_in_data(collection: Any, drawing: Drawing) -> None:
    if collection.get_transform() is not drawing.axes.transData or collection.get_offsets().any():
        raise Unfaithful("lines or areas that are not in data")


def _symbol(points: Any) -> tuple[str, float]:
    """The symbol whose outline the points have, and its size beside the root of their areas."""
    from matplotlib.markers import MarkerStyle  # noqa: PLC0415 - loaded already

    paths = points.get_paths()
    if len(paths) != 1:
        raise Unfaithful("points of several forms")
    for marker, name in {**SYMBOLS, ".": "circle"}.items():
        style = MarkerStyle(marker)
        known: Any = style.get_path().transformed(style.get_transform()).vertices
        if known.shape == paths[0].vertices.shape and abs(known - paths[0].vertices).max() < 1e-6:
            return name, 0.5 if marker == "." else 1.0
    raise Unfaithful("points of a form of their own")


def _lists(marker: Any) -> list[list[Any]]:
    values = (*marker.values(), *marker["line"].values())
    return [value for value in values if isinstance(value, list)]
