"""A figure of matplotlib as plotly draws it."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from elsewhere.report.figures.matplotlib.axes import drawn_axes
from elsewhere.report.figures.matplotlib.style import Unfaithful, colour
from elsewhere.report.figures.matplotlib.texts import font_of, words_of

if TYPE_CHECKING:
    from elsewhere.report.figures.matplotlib.drawing import Drawing

#: parts of a figure by which axes may overlap
_NOTHING: Final = 1e-6
#: pixels around the axes; those of their labels are added
_MARGIN: Final = {"l": 50, "r": 30, "t": 60, "b": 40}


def converted(figure: Any) -> dict[str, Any]:
    """The `figure`, a `matplotlib.figure.Figure`, which stays as it is. Raises Unfaithful where
    something of it would be lost."""
    title, all_axes = _parts(figure)
    drawings = [drawn_axes(axes, number) for number, axes in enumerate(all_axes, 1)]
    layout: dict[str, Any] = {"barmode": "overlay", "hovermode": "closest", "margin": _MARGIN}
    for drawing in drawings:
        layout |= drawing.layout()
    if len(drawings) > 1:
        _place(drawings, layout)
    only = drawings[0] if len(drawings) == 1 and title is None else None
    if only is not None and not any(map(words_of, only.titles()[1:])):
        title = only.axes.title
    else:
        for drawing in drawings:
            drawing.draw_titles()
    if title is not None and (words := words_of(title)):
        layout["title"] = {"text": words, "font": font_of(title), "x": 0.5}
    return {
        "data": [trace for drawing in drawings for trace in drawing.traces],
        "layout": {
            **layout,
            **_backgrounds(figure, all_axes),
            "shapes": [shape for drawing in drawings for shape in drawing.shapes],
            "annotations": [text for drawing in drawings for text in drawing.annotations],
        },
    }


def _parts(figure: Any) -> tuple[Any, list[Any]]:
    """The title of all, None without one, and the axes that are visible."""
    title, axes = getattr(figure, "_suptitle", None), figure.get_axes()
    for part in figure.get_children():
        is_known = part is figure.patch or part is title or part in axes
        if part.get_visible() and not is_known:
            raise Unfaithful(f"{type(part).__name__} beside the axes")
    if not (shown := [one for one in axes if one.get_visible()]):
        raise Unfaithful("no axes")
    return title, shown


def _place(drawings: list[Drawing], layout: dict[str, Any]) -> None:
    """Notes where each of several axes lies. Raises Unfaithful where they overlap."""
    boxes = [drawing.axes.get_position(original=True) for drawing in drawings]
    for one, other in combinations(boxes, 2):
        wide = min(one.x1, other.x1) - max(one.x0, other.x0)
        high = min(one.y1, other.y1) - max(one.y0, other.y0)
        if wide > _NOTHING and high > _NOTHING:
            raise Unfaithful("axes that overlap")
    left, low = min(box.x0 for box in boxes), min(box.y0 for box in boxes)
    wide, high = max(box.x1 for box in boxes) - left, max(box.y1 for box in boxes) - low
    for drawing, box in zip(drawings, boxes, strict=True):
        x = [_within((end - left) / wide) for end in (box.x0, box.x1)]
        y = [_within((end - low) / high) for end in (box.y0, box.y1)]
        layout[drawing.x.key]["domain"], layout[drawing.y.key]["domain"] = x, y
        if drawing.legend is not None:
            corner = {"x": x[1], "y": y[1], "xanchor": "right", "yanchor": "top"}
            layout.setdefault(drawing.x.id.replace("x", "legend"), {}).update(corner)


def _within(part: float) -> float:
    return round(min(1.0, max(0.0, part)), 6)


def _backgrounds(figure: Any, all_axes: list[Any]) -> dict[str, str]:
    colours = {colour(axes.get_facecolor()) for axes in all_axes}
    if len(colours) > 1:
        raise Unfaithful("axes with several backgrounds")
    return {"plot_bgcolor": colours.pop(), "paper_bgcolor": colour(figure.get_facecolor())}
