"""Texts, of which plotly reads a kind of HTML."""

from __future__ import annotations

import html
from typing import Any

from elsewhere.report.figures.matplotlib.style import PX, Unfaithful, colour


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
