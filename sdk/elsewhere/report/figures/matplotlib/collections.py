"""Points of `scatter`, segments of error bars, areas between curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.report.figures.matplotlib.style import (
    NO_COLOUR,
    PX,
    SYMBOLS,
    Unfaithful,
    colours,
    dash,
    unlisted,
)

if TYPE_CHECKING:
    from elsewhere.report.figures.matplotlib.drawing import Drawing


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
            "color": colours(fill) if len(fill) else NO_COLOUR,
            "line": {
                "color": colours(edge) if len(edge) else NO_COLOUR,
                "width": unlisted([width * PX for width in points.get_linewidths()]),
            },
            "opacity": 1,  # else 0.7 for points of several sizes
        },
    }
    counts = [len(one) for one in _lists(trace["marker"])]
    if any(count != len(offsets) for count in counts):  # they would go round
        raise Unfaithful("properties for some of the points")
    drawing.add(points, trace)


def draw_segments(lines: Any, drawing: Drawing) -> None:
    """Draws a `LineCollection` whose lines look alike: `errorbar`, `hlines`, `vlines`."""
    _check_in_data(lines, drawing)
    patterns = [dash(pattern) for pattern in lines.get_linestyles()]
    line = {
        "color": colours(lines.get_edgecolors()),
        "width": unlisted([width * PX for width in lines.get_linewidths()]),
        "dash": unlisted(patterns),
    }
    _check_one_look(lines, line)
    x: list[Any] = []
    y: list[Any] = []
    for segment in lines.get_segments():
        x += [*drawing.x.values(segment[:, 0]), None]
        y += [*drawing.y.values(segment[:, 1]), None]
    drawing.add(lines, {"type": "scatter", "mode": "lines", "x": x[:-1], "y": y[:-1], "line": line})


def draw_areas(areas: Any, drawing: Drawing) -> None:
    """Draws a `PolyCollection` of one colour: `fill_between`, `stackplot`."""
    _check_in_data(areas, drawing)
    edges, fill = areas.get_edgecolors(), colours(areas.get_facecolors())
    has_edges = any(edge[3] for edge in edges)
    line = {
        "color": colours(edges) if has_edges else NO_COLOUR,
        "width": unlisted([width * PX for width in areas.get_linewidths()]) if has_edges else 0,
    }
    _check_one_look(areas, {"fill": fill, **line})
    for number, path in enumerate(areas.get_paths()):
        trace = {
            "type": "scatter",
            "mode": "lines",
            "x": drawing.x.values(path.vertices[:, 0]),
            "y": drawing.y.values(path.vertices[:, 1]),
            "fill": "toself",
            "fillcolor": fill,
            "line": line,
            "hoverinfo": "skip",
        }
        drawing.add(areas if not number else None, trace)


def _check_in_data(collection: Any, drawing: Drawing) -> None:
    if collection.get_transform() is not drawing.axes.transData or collection.get_offsets().any():
        raise Unfaithful("lines or areas that are not in data")


def _check_one_look(collection: Any, look: dict[str, Any]) -> None:
    is_mapped = collection.get_array() is not None
    if is_mapped or collection.get_hatch() or any(isinstance(one, list) for one in look.values()):
        raise Unfaithful("lines or areas of several colours")


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
