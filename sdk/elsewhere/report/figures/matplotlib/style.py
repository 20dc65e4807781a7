"""Colours, dashes, widths and markers of matplotlib in plotly's words."""

from __future__ import annotations

from typing import Any, Final

#: pixels in a point: plotly's lengths are those of CSS
PX: Final = 96 / 72
NO_COLOUR: Final = "rgba(0,0,0,0)"
#: markers of matplotlib to plotly's symbols
SYMBOLS: Final = {
    "o": "circle",
    "s": "square",
    "D": "diamond",
    "d": "diamond-tall",
    "^": "triangle-up",
    "v": "triangle-down",
    "<": "triangle-left",
    ">": "triangle-right",
    "p": "pentagon",
    "h": "hexagon2",
    "H": "hexagon",
    "8": "octagon",
    "*": "star",
    "P": "cross",
    "X": "x",
    "+": "cross-thin-open",
    "x": "x-thin-open",
    "|": "line-ns-open",
    "_": "line-ew-open",
}
#: the point is a smaller circle
_POINT: Final = ("circle", 0.5)


class Unfaithful(Exception):
    """Something of the figure would not be drawn as it is."""


def colour(given: Any, alpha: float | None = None) -> str:
    """A colour of matplotlib as `rgba(...)`; `alpha`, where given, counts more than its own."""
    from matplotlib.colors import to_rgba  # noqa: PLC0415 - loaded already

    red, green, blue, opacity = to_rgba(given, alpha)
    parts = (*(round(255 * part) for part in (red, green, blue)), round(opacity, 4))
    return f"rgba({','.join(map(str, parts))})"


def colours(rows: Any) -> Any:
    """Colours of many things: one text where all are the same."""
    found = [colour(row) for row in rows]
    return found[0] if len(set(found)) == 1 else found


def dash(pattern: Any) -> str:
    """The `pattern` of a line, (offset, lengths in points), the lengths None for a solid line."""
    lengths = pattern[1]
    return "solid" if lengths is None else ",".join(f"{each * PX:g}px" for each in lengths)


def symbol(marker: object) -> tuple[str, float]:
    """The symbol of a `marker`, and its size in sizes of the marker. Raises Unfaithful."""
    if marker == ".":
        return _POINT
    if not isinstance(marker, str) or marker not in SYMBOLS:
        raise Unfaithful(f"the marker {marker!r}")
    return SYMBOLS[marker], 1.0


def unlisted(values: list[Any]) -> Any:
    """The one value of a list whose values are all the same, else the list."""
    return values[0] if values and all(value == values[0] for value in values) else values
