"""Figures of matplotlib: what is drawn by plotly, and what would not be the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal

from elsewhere.report.figures.matplotlib.figure import converted
from elsewhere.report.figures.matplotlib.style import Unfaithful
from tests.sdk.report.figures.plotly_check import drawn

X = [1.0, 2.0, 3.0]


@pytest.fixture(autouse=True)
def default_style() -> Iterator[None]:
    mpl.use("Agg")
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


def figure_of(draw: Callable[[Any], object], **of_axes: Any) -> dict[str, Any]:
    """What plotly draws of one of axes, which neither changes nor wants to be drawn again."""
    figure = Figure()
    canvas: Any = FigureCanvasAgg(figure)
    draw(figure.add_subplot(**of_axes))
    canvas.draw()
    before = bytes(canvas.buffer_rgba())
    found = drawn(converted(figure))
    assert not figure.stale
    canvas.draw()
    assert bytes(canvas.buffer_rgba()) == before
    return found


def test_lines_have_their_data_and_look() -> None:
    def draw(axes: Any) -> None:
        axes.plot(X, [1, np.nan, 3], "r--o", linewidth=3, label="loss")
        axes.plot(X, X, color="#00ff0080", linestyle=(0, (5, 1)), drawstyle="steps-post")
        axes.legend(title="run")

    first, second = figure_of(draw)["data"]
    assert (first["x"], first["y"]) == (X, [1.0, None, 3.0])
    assert (first["mode"], first["name"], first["showlegend"]) == ("lines+markers", "loss", True)
    assert (first["line"]["color"], first["line"]["width"]) == ("rgba(255,0,0,1)", 4.0)
    assert (first["marker"]["symbol"], first["marker"]["size"]) == ("circle", 8.0)
    assert (second["line"]["dash"], second["line"]["shape"]) == ("10px,2px", "hv")
    assert (second["line"]["color"], second["showlegend"]) == ("rgba(0,255,0,0.502)", False)


def test_axes_have_their_labels_limits_scales_and_grid() -> None:
    def draw(axes: Any) -> None:
        axes.plot(X, X)
        axes.set(title="a <b>\nc", xlabel="x", ylabel="y", xscale="log", xlim=(1, 100))
        axes.set_ylim(5, -5)
        axes.grid(visible=True)

    layout = figure_of(draw)["layout"]
    assert layout["title"]["text"] == "a &lt;b&gt;<br>c"
    assert (layout["xaxis"]["type"], layout["xaxis"]["range"]) == ("log", [0, 2])
    assert (layout["yaxis"]["type"], layout["yaxis"]["range"]) == ("linear", [5, -5])
    assert (layout["xaxis"]["title"]["text"], layout["yaxis"]["title"]["text"]) == ("x", "y")
    assert layout["xaxis"]["showgrid"] is True
    assert "tickvals" not in layout["yaxis"]


def test_ticks_that_were_set_are_shown() -> None:
    def draw(axes: Any) -> None:
        axes.plot(X, X)
        axes.set_xticks([1, 2, 30], ["low", "high", "beyond"])
        axes.set_xlim(0, 4)
        axes.yaxis.set_major_locator(mpl.ticker.MultipleLocator(1.5))

    layout = figure_of(draw)["layout"]
    assert layout["xaxis"]["tickvals"] == [1, 2]
    assert layout["xaxis"]["ticktext"] == ["low", "high"]
    assert layout["yaxis"]["tickvals"] == [1.5, 3.0]
    assert "ticktext" not in layout["yaxis"]


def test_bars_are_where_they_are_and_as_wide() -> None:
    def draw(axes: Any) -> None:
        axes.bar_label(axes.bar(["a", "b"], [1, 2], width=0.5, label="n", color=["red", "blue"]))
        axes.barh([0], [2], left=[1])
        axes.legend()

    found = figure_of(draw)
    upright, lying = found["data"]
    assert (upright["x"], upright["y"], upright["width"]) == ([0, 1], [1, 2], [0.5, 0.5])
    assert upright["marker"]["color"] == ["rgba(255,0,0,1.0)", "rgba(0,0,255,1.0)"]
    assert (upright["name"], "base" in upright) == ("n", False)
    assert (lying["orientation"], lying["base"], lying["x"], lying["y"]) == ("h", [1], [2], [0])
    assert found["layout"]["xaxis"]["ticktext"] == ["a", "b"]
    assert [text["text"] for text in found["layout"]["annotations"]] == ["1", "2"]
    assert found["layout"]["annotations"][0]["y"] == 1


def test_bars_are_drawn_when_the_first_is_hidden_or_gone() -> None:
    def hide(axes: Any) -> None:
        axes.bar([0, 1], [1, 2]).patches[0].set_visible(False)

    def remove(axes: Any) -> None:
        axes.bar([0, 1], [1, 2]).patches[0].remove()

    assert [figure_of(draw)["data"][0]["y"] for draw in (hide, remove)] == [[2], [2]]


def test_an_empty_bin_has_no_bar_on_a_logarithmic_axis() -> None:
    [bars] = figure_of(lambda axes: axes.hist([0, 0, 3], bins=3, log=True))["data"]
    assert bars["y"] == [2, None, 1]


def test_a_histogram_has_the_counts_of_its_bins() -> None:
    values = np.array([0.0, 0.1, 0.9, 1.0])
    bars, steps = figure_of(
        lambda axes: (axes.hist(values, bins=2), axes.hist(values, bins=2, histtype="step"))
    )["data"]
    assert (bars["x"], bars["y"], bars["width"]) == ([0.25, 0.75], [2, 2], [0.5, 0.5])
    assert (steps["type"], max(steps["y"])) == ("scatter", 2)


def test_a_legend_has_all_its_names_in_its_order() -> None:
    def draw(axes: Any) -> None:
        axes.plot(X, X, label="line")
        axes.fill_between(X, X, label="area")  # drawn below the line
        axes.hist(X, label="bars")
        axes.plot([], [], label="empty")  # as seaborn draws what stands for several artists
        axes.legend()

    traces = [one for one in figure_of(draw)["data"] if one["showlegend"]]
    ordered = sorted(traces, key=lambda one: one["legendrank"])
    assert [one["name"] for one in ordered] == ["line", "area", "bars", "empty"]
    assert ordered[3]["x"] == [None]  # plotly gives a trace without points no name


def test_a_logarithmic_axis_has_a_tick_a_decade() -> None:
    def draw(axes: Any) -> None:
        axes.loglog([1, 5], [1e-7, 1])

    layout = figure_of(draw)["layout"]
    assert (layout["yaxis"]["dtick"], "dtick" in layout["xaxis"]) == (1, False)
    assert layout["yaxis"]["exponentformat"] == "power"


def test_points_have_their_sizes_and_colours() -> None:
    def draw(axes: Any) -> None:
        axes.scatter(X, X, s=[9, 36, 81], c=[0, 1, 2], cmap="gray", marker="^")
        axes.scatter([1], [2], marker="x", color="red")
        axes.scatter([1], [2], facecolors="none", edgecolors="blue")

    mapped, cross, empty = figure_of(draw)["data"]
    assert (mapped["x"], mapped["marker"]["symbol"]) == (X, "triangle-up")
    assert mapped["marker"]["size"] == [4, 8, 12]
    assert mapped["marker"]["color"][::2] == ["rgba(0,0,0,1.0)", "rgba(255,255,255,1.0)"]
    assert (cross["marker"]["symbol"], cross["marker"]["color"]) == (
        "x-thin-open",
        "rgba(255,0,0,1.0)",
    )
    assert empty["marker"]["color"] == "rgba(0,0,0,0)"
    assert empty["marker"]["line"]["color"] == "rgba(0,0,255,1.0)"


def test_error_bars_are_lines_and_marks() -> None:
    def draw(axes: Any) -> None:
        axes.errorbar([1, 2], [3, 4], yerr=0.5, capsize=2, label="mean")
        axes.legend()

    traces = figure_of(draw)["data"]
    assert [trace["name"] for trace in traces if trace["showlegend"]] == ["mean"]
    [bars] = [trace for trace in traces if None in trace["x"]]
    assert (bars["x"], bars["y"]) == ([1, 1, None, 2, 2], [2.5, 3.5, None, 3.5, 4.5])
    caps = [trace["marker"]["symbol"] for trace in traces if trace["mode"] == "markers"]
    assert caps == ["line-ew-open", "line-ew-open"]


def test_areas_between_curves_are_filled() -> None:
    def draw(axes: Any) -> None:
        axes.fill_between(X, [0, 0, 0], X, alpha=0.5, color="red")
        axes.fill([0, 1, 1], [0, 0, 1], color="blue")

    between, polygon = figure_of(draw)["data"]
    assert (between["fill"], between["fillcolor"]) == ("toself", "rgba(255,0,0,0.5)")
    assert set(zip(between["x"], between["y"], strict=True)) >= {(1, 0), (3, 3)}
    assert (polygon["fillcolor"], polygon["x"][:3]) == ("rgba(0,0,255,1.0)", [0, 1, 1])


def test_lines_and_spans_across_the_axes_are_shapes() -> None:
    def draw(axes: Any) -> None:
        axes.axhline(2, color="red", linestyle=":")
        axes.axvspan(1, 2, color="green")
        axes.axvline(1.5, ymax=0.5)

    span, across, up = figure_of(draw)["layout"]["shapes"]
    assert (across["type"], across["xref"], across["yref"]) == ("line", "x domain", "y")
    assert (across["x0"], across["x1"], across["y0"], across["y1"]) == (0, 1, 2, 2)
    assert (span["type"], span["xref"], span["yref"]) == ("rect", "x", "y domain")
    assert (span["x0"], span["x1"], span["y0"], span["y1"]) == (1, 2, 0, 1)
    assert (up["x0"], up["y0"], up["y1"]) == (1.5, 0, 0.5)


def test_dates_are_dates() -> None:
    days = [dt.datetime(2026, 3, day, 12) for day in (1, 2, 3)]  # noqa: DTZ001

    def draw(axes: Any) -> None:
        axes.plot(days, X)
        axes.bar(days, X, width=0.5)
        axes.axvline(days[1])
        axes.text(days[0], 1, "begun")

    found = figure_of(draw)
    bars, line = found["data"]
    assert line["x"] == ["2026-03-01T12:00:00", "2026-03-02T12:00:00", "2026-03-03T12:00:00"]
    assert (bars["x"], bars["width"]) == (line["x"], [43_200_000] * 3)
    assert found["layout"]["xaxis"]["type"] == "date"
    assert found["layout"]["shapes"][0]["x0"] == "2026-03-02T12:00:00"
    assert found["layout"]["annotations"][0]["x"] == "2026-03-01T12:00:00"


def test_places_on_logarithmic_axes_are_as_plotly_counts_them() -> None:
    def draw(axes: Any) -> None:
        axes.loglog([1, 100], [1, 100])
        axes.text(10, 100, "here")
        axes.axhline(10)

    found = figure_of(draw)
    [text] = found["layout"]["annotations"]
    assert (text["x"], text["y"]) == (1, 2)
    assert found["layout"]["shapes"][0]["y0"] == 10


def test_texts_have_their_place_and_turn() -> None:
    def draw(axes: Any) -> None:
        axes.text(0.5, 0.25, "t", transform=axes.transAxes, ha="center", va="top", rotation=30)
        axes.annotate("a", (1, 2))

    within, at = figure_of(draw)["layout"]["annotations"]
    assert (within["xref"], within["yref"], within["x"]) == ("x domain", "y domain", 0.5)
    assert (within["xanchor"], within["yanchor"], within["textangle"]) == ("center", "top", -30)
    assert (at["text"], at["x"], at["y"], at["xref"]) == ("a", 1, 2, "x")


def test_axes_beside_each_other_are_sub_plots() -> None:
    figure = Figure()
    axes = figure.subplots(2, 2, sharex=True)
    for number, one in enumerate(axes.flat):
        one.plot(X, [number] * 3, label=f"n{number}")
        one.set_title(f"t{number}")
    axes[1, 1].legend()
    figure.suptitle("all")
    found = drawn(converted(figure))
    layout = found["layout"]
    assert layout["title"]["text"] == "all"
    assert [text["text"] for text in layout["annotations"]] == ["t0", "t1", "t2", "t3"]
    assert [(trace["xaxis"], trace["yaxis"]) for trace in found["data"]][::3] == [
        ("x", "y"),
        ("x4", "y4"),
    ]
    assert (layout["xaxis"]["domain"][0], layout["yaxis"]["domain"][1]) == (0, 1)
    assert (layout["xaxis4"]["domain"][1], layout["yaxis4"]["domain"][0]) == (1, 0)
    assert layout["xaxis"]["domain"][1] < layout["xaxis2"]["domain"][0]
    assert (layout["xaxis"]["showticklabels"], layout["xaxis3"]["showticklabels"]) == (False, True)
    assert found["data"][3]["legend"] == "legend4"
    assert layout["legend4"]["x"] == 1


def test_frames_and_axes_that_are_off_are_not_shown() -> None:
    def draw(axes: Any) -> None:
        axes.plot(X, X)
        axes.plot(X, X, visible=False)
        axes.set_axis_off()
        axes.set_aspect("equal")

    found = figure_of(draw)
    assert len(found["data"]) == 1
    assert found["layout"]["xaxis"]["visible"] is False
    assert found["layout"]["yaxis"]["scaleanchor"] == "x"


def test_what_pandas_plots_is_drawn() -> None:
    frame = pd.DataFrame({"a": X, "b": X}, index=pd.date_range("2026-03-01", periods=3))
    figures = [frame.plot().figure, frame.plot.bar().figure]
    for figure in figures:
        found = drawn(converted(figure))
        assert [trace["name"] for trace in found["data"]] == ["a", "b"]
        assert all(trace["y"] == X for trace in found["data"])
        plt.close(figure)


UNKNOWN: list[tuple[str, Callable[[Any], object]]] = [
    ("QuadMesh", lambda axes: axes.pcolormesh(np.eye(2))),
    ("AxesImage", lambda axes: axes.imshow(np.eye(2))),
    ("Wedge", lambda axes: axes.pie([1, 2])),
    ("QuadContourSet", lambda axes: axes.contour(np.eye(3))),
    ("AxLine", lambda axes: axes.axline((0, 0), (1, 1))),
    ("overlap", lambda axes: axes.twinx()),
    ("the formula", lambda axes: axes.set_title("$x^2$")),
    ("the scale 'symlog'", lambda axes: axes.set_yscale("symlog")),
    ("hatched", lambda axes: axes.bar([1], [1], hatch="/")),
    ("the marker", lambda axes: axes.plot(X, X, marker="$a$")),
    ("some of the points", lambda axes: axes.plot(X, X, "o", markevery=2)),
    ("not in data", lambda axes: axes.hexbin(X, X)),
    ("several colours", lambda axes: axes.vlines(X, 0, 1, colors=["r", "g", "b"])),
    ("in a box", lambda axes: axes.text(1, 1, "t", bbox={"fc": "red"})),
    ("with an arrow", lambda axes: axes.annotate("a", (0, 0), (1, 1), arrowprops={})),
    ("Text beside the axes", lambda axes: axes.figure.text(0, 0, "t")),
    ("a legend of other things", lambda axes: axes.legend([mpl.lines.Line2D([], [])], ["own"])),
    ("below zero", lambda axes: axes.loglog(X, [0, 1, 2])),
    ("bars that are turned, or not in data", lambda axes: axes.bar(0, 1, transform=axes.transAxes)),
    ("path effects", lambda axes: axes.plot(X, path_effects=[Normal()])),
]


@pytest.mark.parametrize(("what", "draw"), UNKNOWN, ids=[what for what, _ in UNKNOWN])
def test_what_plotly_would_not_draw_alike_is_not_drawn(
    what: str, draw: Callable[[Any], object]
) -> None:
    with pytest.raises(Unfaithful, match=what):
        figure_of(draw)


@pytest.mark.parametrize("projection", ["polar", "3d"])
def test_axes_of_other_projections_are_not_drawn(projection: str) -> None:
    with pytest.raises(Unfaithful, match="axes of the kind"):
        figure_of(lambda _: None, projection=projection)


def test_a_figure_without_axes_is_not_drawn() -> None:
    with pytest.raises(Unfaithful, match="no axes"):
        converted(Figure())
