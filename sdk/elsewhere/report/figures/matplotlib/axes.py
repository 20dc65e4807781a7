"""All artists of one of the axes, in the order in which they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from elsewhere.report.figures.matplotlib.annotations import draw_text
from elsewhere.report.figures.matplotlib.collections import draw_areas, draw_points, draw_segments
from elsewhere.report.figures.matplotlib.drawing import Drawing
from elsewhere.report.figures.matplotlib.lines import draw_line
from elsewhere.report.figures.matplotlib.patches import draw_bars, draw_patch
from elsewhere.report.figures.matplotlib.style import Unfaithful

if TYPE_CHECKING:
    from collections.abc import Callable

#: the exact class of an artist, to what draws it
_KNOWN: Final[dict[str, Callable[[Any, Drawing], None]]] = {
    "matplotlib.lines.Line2D": draw_line,
    "matplotlib.patches.Rectangle": draw_patch,
    "matplotlib.patches.Polygon": draw_patch,
    "matplotlib.collections.PathCollection": draw_points,
    "matplotlib.collections.LineCollection": draw_segments,
    "matplotlib.collections.PolyCollection": draw_areas,
    "matplotlib.collections.FillBetweenPolyCollection": draw_areas,
    "matplotlib.text.Text": draw_text,
    "matplotlib.text.Annotation": draw_text,
}


def drawn_axes(axes: Any, number: int) -> Drawing:
    """All visible artists of the `axes` but titles; the `number` of them counts from 1. Raises
    Unfaithful."""
    drawing = Drawing(axes, number)
    known = {*axes.spines.values(), axes.xaxis, axes.yaxis, axes.patch, axes.get_legend()}
    known.update(drawing.titles())
    bars, drawn = _bars(drawing), list[Any]()
    for artist in sorted(axes.get_children(), key=lambda one: one.get_zorder()):
        if artist in known or not artist.get_visible():
            continue
        if artist.get_path_effects() or artist.get_sketch_params() is not None:
            raise Unfaithful("path effects")
        if artist not in bars:
            _draw(artist, drawing)
        elif (container := bars[artist]) not in drawn:
            drawn.append(container)
            draw_bars(container, drawing)
    if drawing.missing:
        raise Unfaithful("a legend of other things than are drawn")
    return drawing


def _bars(drawing: Drawing) -> dict[Any, Any]:
    """Bars to their containers; the labels of other containers are noted for their artists."""
    bars: dict[Any, Any] = {}
    for container in drawing.axes.containers:
        if type(container).__name__ == "BarContainer":
            bars |= dict.fromkeys(container.patches, container)
            if container.patches and container.get_label()[:1] == "_":  # of a histogram
                drawing.labels[id(container)] = container.patches[0].get_label()
        elif first := next(iter(_artists(container)), None):
            drawing.labels[id(first)] = container.get_label()
    return bars


def _artists(container: Any) -> list[Any]:
    """The artists in a container, also in its tuples, in order."""
    found: list[Any] = []
    for one in container:
        found += _artists(one) if isinstance(one, tuple) else [one] if one is not None else []
    return found


def _draw(artist: Any, drawing: Drawing) -> None:
    name = f"{type(artist).__module__}.{type(artist).__name__}"
    if name not in _KNOWN:
        raise Unfaithful(name)
    _KNOWN[name](artist, drawing)
