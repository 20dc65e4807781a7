"""Bars, rectangles and polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.report.figures.matplotlib.style import (
    NO_COLOUR,
    PX,
    Unfaithful,
    colour,
    dash,
    unlisted,
)

if TYPE_CHECKING:
    from elsewhere.report.figures.matplotlib.drawing import Drawing


def draw_bars(container: Any, drawing: Drawing) -> None:
    """Draws a `BarContainer`, of `bar`, `barh` or `hist`."""
    in_data = drawing.axes.transData
    bars = [bar for bar in container.patches if bar.get_visible() and bar.axes is drawing.axes]
    if any(bar.get_angle() or bar.get_data_transform() is not in_data for bar in bars):
        raise Unfaithful("bars that are turned, or not in data")
    is_upright = container.orientation != "horizontal"
    along, across = (drawing.x, drawing.y) if is_upright else (drawing.y, drawing.x)
    if across.is_date:
        raise Unfaithful("bars whose lengths are durations")
    boxes = [(bar.get_x(), bar.get_y(), bar.get_width(), bar.get_height()) for bar in bars]
    if not is_upright:
        boxes = [(y, x, height, width) for x, y, width, height in boxes]
    looks = [_look(bar) for bar in bars]
    trace = {
        "type": "bar",
        "orientation": "v" if is_upright else "h",
        "x" if is_upright else "y": along.values([left + wide / 2 for left, _, wide, _ in boxes]),
        "y" if is_upright else "x": across.values(
            [high or None if across.is_log else high for *_, high in boxes]
        ),
        "width": [abs(along.length(wide)) for *_, wide, _ in boxes],
        "marker": {
            "color": unlisted([look["fill"] for look in looks]),
            "line": {
                "color": unlisted([look["edge"] for look in looks]),
                "width": unlisted([look["width"] for look in looks]),
            },
        },
    }
    if any(low for _, low, _, _ in boxes):
        trace["base"] = across.values([low for _, low, _, _ in boxes])
    drawing.add(container, trace)


def draw_patch(patch: Any, drawing: Drawing) -> None:
    """Draws a `Rectangle` or a `Polygon` by its corners; one that spans the axes as a shape."""
    look = _look(patch)
    points = patch.get_patch_transform().transform(patch.get_path().vertices)
    if patch.get_data_transform() is not drawing.axes.transData:
        _draw_span(patch, drawing, look, points)
        return
    x, y = (drawing.x.values(points[:, 0]), drawing.y.values(points[:, 1]))
    filled = {"fill": "toself", "fillcolor": look["fill"]} if patch.get_fill() else {}
    outline = {"color": look["edge"], "width": look["width"], "dash": look["dash"]}
    trace = {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": outline, **filled}
    drawing.add(patch, {**trace, "hoverinfo": "skip"})


def _draw_span(patch: Any, drawing: Drawing, look: dict[str, Any], points: Any) -> None:
    """A rectangle of `axhspan` or `axvspan`."""
    ends = [(points[:, way].min(), points[:, way].max()) for way in (0, 1)]
    if len(points) > 5:
        raise Unfaithful("a polygon that is not in data")
    transform = patch.get_data_transform()
    drawing.add_shape(
        patch,
        {
            "type": "rect",
            **drawing.references(transform),
            **drawing.corners(transform, *ends),
            "fillcolor": look["fill"],
            "line": {"color": look["edge"], "width": look["width"], "dash": look["dash"]},
            "layer": "below",
        },
    )


def _look(patch: Any) -> dict[str, Any]:
    if patch.get_hatch():
        raise Unfaithful("a hatched patch")
    edge, is_filled = patch.get_edgecolor(), patch.get_fill()
    return {
        "fill": colour(patch.get_facecolor()) if is_filled else NO_COLOUR,
        "edge": colour(edge),
        # an edge that is transparent has no width
        "width": patch.get_linewidth() * PX if edge[3] else 0,
        "dash": dash(patch._dash_pattern),
    }
