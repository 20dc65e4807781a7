"""Lines and the markers on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from elsewhere.report.figures.matplotlib.style import (
    NO_COLOUR,
    PX,
    Unfaithful,
    colour,
    dash,
    symbol,
)

if TYPE_CHECKING:
    from elsewhere.report.figures.matplotlib.drawing import Drawing

#: how a step goes from one point to the next
_SHAPES: Final = {
    "default": "linear",
    "steps": "vh",
    "steps-pre": "vh",
    "steps-mid": "hvh",
    "steps-post": "hv",
}
_NONE: Final = ("None", "none", " ", "")


def draw_line(line: Any, drawing: Drawing) -> None:
    """Draws a `Line2D`: data, or a line across the axes at one value."""
    has_line, has_markers = line.get_linestyle() not in _NONE, line.get_marker() not in _NONE
    if not (has_line or has_markers):
        return
    look: dict[str, Any] = {}
    if has_line:
        look["line"] = _line(line)
    if has_markers:
        look["marker"] = _marker(line)
    axes, x, y = drawing.axes, line.get_xdata(orig=False), line.get_ydata(orig=False)
    if line.get_transform() is not axes.transData:
        _draw_across(line, drawing, look)
        return
    mode = "+".join(["lines"] * has_line + ["markers"] * has_markers)
    trace = {"type": "scatter", "x": drawing.x.values(x), "y": drawing.y.values(y), "mode": mode}
    drawing.add(line, {**trace, **look})


def _draw_across(line: Any, drawing: Drawing, look: dict[str, Any]) -> None:
    """A line of `axhline` or `axvline`: one way in data, the other in parts of the axes."""
    ends = [line.get_xdata(orig=False), line.get_ydata(orig=False)]
    if "marker" in look or any(len(end) != 2 for end in ends):
        raise Unfaithful("a line that is not in data")
    drawing.add_shape(
        line,
        {
            "type": "line",
            **drawing.references(line.get_transform()),
            **drawing.corners(line.get_transform(), *ends),
            "line": {name: look["line"][name] for name in ("color", "width", "dash")},
        },
    )


def _line(line: Any) -> dict[str, Any]:
    if line.get_drawstyle() not in _SHAPES or (pattern := line._dash_pattern) is None:
        raise Unfaithful(f"a line drawn in {line.get_drawstyle()}")
    return {
        "color": colour(line.get_color(), line.get_alpha()),
        "width": line.get_linewidth() * PX,
        "dash": dash(pattern),
        "shape": _SHAPES[line.get_drawstyle()],
    }


def _marker(line: Any) -> dict[str, Any]:
    if line.get_markevery() is not None or line.get_fillstyle() not in ("full", "none"):
        raise Unfaithful("markers at some of the points, or half filled")
    name, factor = symbol(line.get_marker())
    alpha = line.get_alpha()
    edge = colour(line.get_markeredgecolor(), alpha)
    is_empty = line.get_fillstyle() == "none"
    fill = NO_COLOUR if is_empty else colour(line.get_markerfacecolor(), alpha)
    return {
        "symbol": name,
        "size": line.get_markersize() * factor * PX,
        # symbols that are open have lines alone, of the colour of the marker
        "color": edge if name.endswith("-open") else fill,
        "line": {"color": edge, "width": line.get_markeredgewidth() * PX},
    }
