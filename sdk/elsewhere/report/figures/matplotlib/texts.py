"""Texts, of which plotly reads a kind of HTML."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

from elsewhere.report.figures.matplotlib.style import PX, Unfaithful, colour

if TYPE_CHECKING:
    from elsewhere.report.figures.matplotlib.axes import Drawing

_ACROSS: Final = {"left": "left", "center": "center", "right": "right"}
_ALONG: Final = {
    "top": "top",
    "center": "middle",
    "center_baseline": "middle",
    "baseline": "bottom",
    "bottom": "bottom",
}


def words_of(text: Any) -> str:
    """What a `Text` shows. Raises Unfaithful for a formula."""
    return shown(text.get_text(), is_formula=text.get_usetex())


def shown(words: str, *, is_formula: bool = False) -> str:
    """The `words` as plotly shows them. Raises Unfaithful for a formula."""
    if is_formula or words.replace(r"\$", "").count("$") >= 2:
        raise Unfaithful(f"the formula {words!r}")
    return html.escape(words.replace(r"\$", "$"), quote=False).replace("\n", "<br>")


def font_of(text: Any) -> dict[str, Any]:
    """Its size and colour."""
    return {"size": text.get_fontsize() * PX, "color": colour(text.get_color(), text.get_alpha())}


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
