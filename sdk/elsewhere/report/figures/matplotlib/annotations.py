"""Texts at a place of the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from elsewhere.report.figures.matplotlib.style import PX, Unfaithful
from elsewhere.report.figures.matplotlib.texts import font_of, words_of

if TYPE_CHECKING:
    from elsewhere.report.figures.matplotlib.drawing import Drawing

_ACROSS: Final = {"left": "left", "center": "center", "right": "right"}
_ALONG: Final = {
    "top": "top",
    "center": "middle",
    "center_baseline": "middle",
    "baseline": "bottom",
    "bottom": "bottom",
}


def draw_text(text: Any, drawing: Drawing) -> None:
    """Draws a `Text` at a place in data or in parts of the axes, or an `Annotation` without an
    arrow at some points from a place in data."""
    if not (words := words_of(text)):
        return
    shift: dict[str, Any] = {}
    place, transform = text.get_position(), text.get_transform()
    if hasattr(text, "xyann"):  # an Annotation, whose position may be in points
        is_beside = text.anncoords == "offset points" and text.xycoords == "data"
        if text.arrow_patch is not None or not (is_beside or text.anncoords == "data"):
            raise Unfaithful("an annotation with an arrow, or placed in other ways")
        if is_beside:
            right, up = text.xyann
            shift = {"xshift": right * PX, "yshift": up * PX}
        place = text.xy if is_beside else text.xyann
        transform = drawing.axes.transData
    if text.get_bbox_patch() is not None:
        raise Unfaithful("a text in a box")
    x, y = place
    drawing.add_annotation(
        {
            "text": words,
            "showarrow": False,
            "font": font_of(text),
            "xanchor": _ACROSS[text.get_horizontalalignment()],
            "yanchor": _ALONG[text.get_verticalalignment()],
            "textangle": -text.get_rotation(),
            **drawing.references(transform),
            "x": drawing.at(transform, "x", x),
            "y": drawing.at(transform, "y", y),
            **shift,
        }
    )
