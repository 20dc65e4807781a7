"""What is drawn of one of the axes of a figure."""

from __future__ import annotations

from typing import Any, Final

from elsewhere.report.figures.matplotlib.axis import Axis
from elsewhere.report.figures.matplotlib.style import Unfaithful
from elsewhere.report.figures.matplotlib.texts import font_of, shown, words_of

#: the background of a legend, which may lie over data
_GLASS: Final = "rgba(255,255,255,0.8)"


class Drawing:
    """The `axes`, the `number` of them, from 1 on, and what is drawn of them until now: `traces`,
    `shapes`, `annotations`. Raises Unfaithful."""

    def __init__(self, axes: Any, number: int) -> None:
        if axes.name != "rectilinear" or not type(axes).__module__.startswith("matplotlib.axes"):
            raise Unfaithful(f"axes of the kind {type(axes).__name__}")
        self.axes = axes
        self.x = Axis(axes.xaxis, "x", number, axes.get_xlim())
        self.y = Axis(axes.yaxis, "y", number, axes.get_ylim())
        self.traces: list[dict[str, Any]] = []
        self.shapes: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.legend = axes.get_legend()
        if self.legend is not None and not self.legend.get_visible():
            self.legend = None
        self._legend_id = self.x.id.replace("x", "legend")
        self._names = [text.get_text() for text in self.legend.get_texts()] if self.legend else []
        #: texts of the legend of whose artists nothing is drawn yet
        self.missing = list(self._names)
        #: artists to the labels that their containers have
        self.labels: dict[int, str] = {}

    def titles(self) -> list[Any]:
        """The titles above it: center, left, right."""
        return [self.axes.title, self.axes._left_title, self.axes._right_title]

    def draw_titles(self) -> None:
        """Draws its titles above it, as annotations."""
        places = ((0.5, "center"), (0, "left"), (1, "right"))
        for title, (x, anchor) in zip(self.titles(), places, strict=True):
            if words := words_of(title):
                at = {"xref": f"{self.x.id} domain", "yref": f"{self.y.id} domain", "x": x, "y": 1}
                anchors = {"xanchor": anchor, "yanchor": "bottom", "showarrow": False}
                self.annotations.append({"text": words, "font": font_of(title), **at, **anchors})

    def add(self, artist: Any, trace: dict[str, Any]) -> None:
        """Adds a trace of the artist, None for a further one."""
        ids = {"xaxis": self.x.id, "yaxis": self.y.id}
        named = self._named(artist)
        if named["showlegend"] and not trace["x"]:  # else it is not in the legend: seaborn's
            trace = {**trace, "x": [None], "y": [None]}
        self.traces.append({**trace, **ids, **named})

    def add_shape(self, artist: Any, shape: dict[str, Any]) -> None:
        """Adds a shape, which is no data."""
        self.shapes.append({**shape, **self._named(artist)})

    def add_annotation(self, annotation: dict[str, Any]) -> None:
        """Adds a text."""
        self.annotations.append(annotation)

    def references(self, transform: Any) -> dict[str, str]:
        """What x and y count in: data, or parts of the axes. Raises Unfaithful."""
        axes = self.axes
        kinds = (
            (axes.transData, "", ""),
            (axes.transAxes, " domain", " domain"),
            (axes.get_xaxis_transform(), "", " domain"),
            (axes.get_yaxis_transform(), " domain", ""),
        )
        for known, x, y in kinds:
            if transform is known:
                return {"xref": f"{self.x.id}{x}", "yref": f"{self.y.id}{y}"}
        raise Unfaithful("something that is not at a place in data or in the axes")

    def corners(self, transform: Any, x: Any, y: Any) -> dict[str, Any]:
        """The ends of a shape, in the units of its `references`."""
        ends: dict[str, Any] = {}
        for axis, way, both in ((self.x, "x", x), (self.y, "y", y)):
            is_data = " " not in self.references(transform)[f"{way}ref"]
            values = axis.values(list(both)) if is_data else [float(end) for end in both]
            ends |= {f"{way}0": values[0], f"{way}1": values[1]}
        return ends

    def at(self, transform: Any, way: str, number: float) -> Any:
        """A place of an annotation, in the units of its `references`."""
        is_data = " " not in self.references(transform)[f"{way}ref"]
        axis = self.x if way == "x" else self.y
        return axis.place(axis.number(number)) if is_data else float(number)

    def layout(self) -> dict[str, Any]:
        """Its axes and its legend, without their places."""
        is_shown = self.axes.axison
        look = {axis.key: axis.layout(is_shown=is_shown) for axis in (self.x, self.y)}
        look[self.x.key]["anchor"], look[self.y.key]["anchor"] = self.y.id, self.x.id
        if (aspect := self.axes.get_aspect()) != "auto":
            look[self.y.key] |= {"scaleanchor": self.x.id, "scaleratio": aspect}
            look[self.x.key]["constrain"] = look[self.y.key]["constrain"] = "domain"
        if self.legend is not None:
            look[self._legend_id] = {"bgcolor": _GLASS}
            if title := words_of(self.legend.get_title()):
                look[self._legend_id]["title"] = {"text": title}
        return look

    def _named(self, artist: Any) -> dict[str, Any]:
        label = "" if artist is None else str(self.labels.get(id(artist), artist.get_label()))
        if label not in self.missing:
            return {"showlegend": False} | (
                {} if label[:1] in ("", "_") else {"name": shown(label)}
            )
        self.missing.remove(label)
        # as in the legend, whichever is drawn first
        rank = 1000 + self._names.index(label)
        named = {"showlegend": True, "name": shown(label), "legendrank": rank}
        return named if self._legend_id == "legend" else {**named, "legend": self._legend_id}
