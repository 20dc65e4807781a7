"""One of the axes of a figure: all its artists, in the order in which they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from elsewhere.report.figures.matplotlib.axis import Axis
from elsewhere.report.figures.matplotlib.collections import draw_areas, draw_points, draw_segments
from elsewhere.report.figures.matplotlib.lines import draw_line
from elsewhere.report.figures.matplotlib.patches import draw_bars, draw_patch
from elsewhere.report.figures.matplotlib.style import Unfaithful
from elsewhere.report.figures.matplotlib.texts import draw_text, font_of, shown, words_of

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


class Drawing:
    """What is drawn of one of the `axes` of a figure, the `number` of them, from 1 on.

    `draw` fills `traces`, `shapes` and `annotations`. Raises Unfaithful.
    """

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
        #: texts of the legend that nothing has been drawn of yet
        self._missing = [text.get_text() for text in self.legend.get_texts()] if self.legend else []
        #: artists to the labels that their containers have
        self._labels: dict[int, str] = {}

    def draw(self) -> None:
        """Draws all visible artists but titles."""
        axes = self.axes
        known = {*axes.spines.values(), axes.xaxis, axes.yaxis, axes.patch, axes.get_legend()}
        known.update(self.titles())
        bars = self._containers()
        for artist in sorted(axes.get_children(), key=lambda one: one.get_zorder()):
            if artist in known or not artist.get_visible():
                continue
            _check(artist)
            if (container := bars.get(artist)) is None:
                self._draw(artist)
            elif container.patches[0] is artist:
                draw_bars(container, self)
        if self._missing:
            raise Unfaithful("a legend of other things than are drawn")

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
        self.traces.append({**trace, **ids, **self._named(artist)})

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
        if self.legend is not None and (title := words_of(self.legend.get_title())):
            look[self._legend_id] = {"title": {"text": title}}
        return look

    def _draw(self, artist: Any) -> None:
        kind = type(artist)
        name = f"{kind.__module__}.{kind.__name__}"
        if name not in _KNOWN:
            raise Unfaithful(name)
        _KNOWN[name](artist, self)

    def _containers(self) -> dict[Any, Any]:
        """The bars to their containers; notes the labels of the other containers."""
        bars: dict[Any, Any] = {}
        for container in self.axes.containers:
            if type(container).__name__ == "BarContainer":
                bars |= dict.fromkeys(container.patches, container)
            elif first := next(iter(_artists(container)), None):
                self._labels[id(first)] = container.get_label()
        return bars

    def _named(self, artist: Any) -> dict[str, Any]:
        label = "" if artist is None else str(self._labels.get(id(artist), artist.get_label()))
        if label not in self._missing:
            return {"showlegend": False} | (
                {} if label[:1] in ("", "_") else {"name": shown(label)}
            )
        self._missing.remove(label)
        named = {"showlegend": True, "name": shown(label)}
        return named if self._legend_id == "legend" else {**named, "legend": self._legend_id}


def _artists(container: Any) -> list[Any]:
    """The artists in a container, also in its tuples, in order."""
    found: list[Any] = []
    for one in container:
        found += _artists(one) if isinstance(one, tuple) else [one] if one is not None else []
    return found


def _check(artist: Any) -> None:
    if artist.get_path_effects() or artist.get_sketch_params() is not None:
        raise Unfaithful("path effects")
