"""One axis: what its numbers mean, and how it looks."""

from __future__ import annotations

import math
from typing import Any, Final

from elsewhere.core.imported import is_instance
from elsewhere.report.figures.json_data import json_data
from elsewhere.report.figures.matplotlib.style import Unfaithful, colour
from elsewhere.report.figures.matplotlib.texts import font_of, shown, words_of

#: locators and formatters of axes that nobody has set ticks of: plotly finds ticks as well
_AUTOMATIC: Final = {
    ("AutoLocator", "ScalarFormatter"),
    ("LogLocator", "LogFormatterSciNotation"),
    ("AutoDateLocator", "AutoDateFormatter"),
    ("AutoDateLocator", "ConciseDateFormatter"),
    ("PandasAutoDateLocator", "PandasAutoDateFormatter"),
}
#: ticks of a logarithmic axis at most
_MOST_DECADES: Final = 12


class Axis:
    """An axis of matplotlib, `way` x or y, and the `number` of its axes, from 1 on.

    `limits` are those of its axes, (left, right) or (bottom, top).
    """

    def __init__(self, axis: Any, way: str, number: int, limits: tuple[float, float]) -> None:
        self._axis = axis
        self._limits = limits
        suffix = "" if number == 1 else str(number)
        self.id = f"{way}{suffix}"
        self.key = f"{way}axis{suffix}"
        if axis.get_scale() not in ("linear", "log"):
            raise Unfaithful(f"an axis with the scale {axis.get_scale()!r}")
        self.is_log = axis.get_scale() == "log"
        self.is_date = is_instance(axis.get_major_locator(), "matplotlib.dates", "DateLocator")

    def values(self, numbers: Any) -> list[Any]:
        """The numbers of matplotlib as plotly has them: dates as texts, NaN as None."""
        found: list[Any] = json_data("The data of a figure", numbers)
        if self.is_log and any(number is not None and number <= 0 for number in found):
            raise Unfaithful("numbers below zero on a logarithmic axis")
        if not self.is_date:
            return found
        return [None if number is None else self._date(number) for number in found]

    def value(self, number: float) -> Any:
        """One number, as `values` gives it."""
        return self.values([number])[0]

    def number(self, given: Any) -> float:
        """The number of a place that may be a date or a category."""
        return float(self._axis.convert_units(given))

    def place(self, number: float) -> Any:
        """Where limits and annotations are on it: plotly counts on a logarithmic axis."""
        if self.is_log:
            if number <= 0:
                raise Unfaithful("a place outside of a logarithmic axis")
            return math.log10(number)
        return self.value(number)

    def length(self, number: float) -> float:
        """A length along it: milliseconds between dates."""
        if self.is_log:
            raise Unfaithful("bars along a logarithmic axis")
        return float(number) * (86_400_000 if self.is_date else 1)

    def layout(self, *, is_shown: bool) -> dict[str, Any]:
        """Its part of a layout, without its place. `is_shown`: the axes' frame is."""
        label, params = self._axis.label, self._axis.get_tick_params()
        name, sides = words_of(label), ("labelleft", "labelright", "labelbottom", "labeltop")
        look: dict[str, Any] = {
            "type": "date" if self.is_date else "log" if self.is_log else "linear",
            "range": [self.place(limit) for limit in self._limits],
            "visible": is_shown and self._axis.get_visible(),
            "showgrid": bool(params.get("gridOn", False)),
            "gridcolor": colour(params.get("grid_color", "#b0b0b0")),
            "showticklabels": any(params.get(side) for side in sides),
            "zeroline": False,
            "showline": True,
            "mirror": True,
            "linecolor": "rgba(0,0,0,1)",
            "exponentformat": "power",  # else micro, kilo and mega
            "automargin": True,
        }
        if name:
            look["title"] = {"text": name, "font": font_of(label), "standoff": 6}
        return look | self._ticks()

    def _ticks(self) -> dict[str, Any]:
        """The ticks that somebody has set; none for those that are found."""
        locator, formatter = self._axis.get_major_locator(), self._axis.get_major_formatter()
        low, high = sorted(self._limits)
        if (type(locator).__name__, type(formatter).__name__) in _AUTOMATIC:
            decades = math.log10(high / low) if self.is_log else 0.0
            # plotly's own ones leave decades out, or have a 2 and a 5 in each
            return {"dtick": math.ceil(decades / _MOST_DECADES)} if decades > 1 else {}
        found = [place for place in self._axis.get_majorticklocs() if low <= place <= high]
        ticks: dict[str, Any] = {"tickmode": "array", "tickvals": self.values(found)}
        if type(formatter).__name__ != "ScalarFormatter":  # it would give a factor for all, too
            ticks["ticktext"] = [shown(str(text)) for text in formatter.format_ticks(found)]
        return ticks

    def _date(self, number: float) -> str:
        from matplotlib.dates import num2date  # noqa: PLC0415 - loaded already

        date = num2date(number, self._axis.get_units())  # type: ignore[no-untyped-call]
        return str(date.replace(tzinfo=None).isoformat())
