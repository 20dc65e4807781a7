"""Figures of matplotlib: reported as plots or as pictures."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from elsewhere.core import plot_events
from elsewhere.core.errors import UsageError
from elsewhere.core.events import Event, Plot, Sample
from elsewhere.core.plot_events import from_figure
from elsewhere.report.columns import Columns
from elsewhere.report.logger import Logger
from elsewhere.report.offset import Offset
from tests.sdk.report.figures.plotly_check import drawn


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def task_logger(events: list[Event], tmp_path: Path) -> Logger:
    (tmp_path / "files").mkdir()
    columns, offset, files = Columns(wake=lambda: None), Offset(), tmp_path / "files"
    return Logger(events.append, flush=lambda _: None, columns=columns, offset=offset, files=files)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    mpl.use("Agg")
    yield
    plt.close("all")
    Logger.matplotlib_force_report_non_interactive(False)


def figure_of(draw: str = "plot") -> Figure:
    """A line, which plotly draws alike, or a mesh, which it does not."""
    figure = Figure(figsize=(2, 1), dpi=50)
    axes = figure.add_subplot()
    if draw == "plot":
        axes.plot([1, 2], [3, 4])
    else:
        axes.pcolormesh([[1, 2], [3, 4]])
    return figure


def test_a_figure_that_plotly_draws_alike_is_a_plot(
    task_logger: Logger, events: list[Event]
) -> None:
    task_logger.report_matplotlib_figure("t", "s", figure_of(), 3)
    [plot] = events
    assert isinstance(plot, Plot)
    assert (plot.title, plot.series, plot.iteration) == ("t", "s", 3)
    assert drawn(json.loads(from_figure(plot.figure)))["data"][0]["y"] == [3, 4]


@pytest.mark.parametrize(
    ("draw", "how"),
    [
        ("mesh", {}),
        ("plot", {"report_image": True}),
        ("plot", {"report_interactive": False}),
    ],
)
def test_any_other_one_is_a_picture_with_its_size(
    task_logger: Logger, events: list[Event], tmp_path: Path, draw: str, how: dict[str, bool]
) -> None:
    figure = figure_of(draw)
    canvas = figure.canvas
    task_logger.report_matplotlib_figure("t", "s", figure, 3, **how)
    [sample] = events
    assert isinstance(sample, Sample)
    assert (sample.title, sample.series, sample.iteration) == ("t", "s", 3)
    with Image.open(tmp_path / sample.file) as image:
        assert (image.format, image.size) == ("PNG", (100, 50))
    assert (figure.canvas, figure.dpi) == (canvas, 50)


def test_all_can_be_pictures_by_a_call(task_logger: Logger, events: list[Event]) -> None:
    Logger.matplotlib_force_report_non_interactive(True)
    task_logger.report_matplotlib_figure("t", "s", figure_of())
    Logger.matplotlib_force_report_non_interactive(False)
    task_logger.report_matplotlib_figure("t", "s", figure_of())
    assert list(map(type, events)) == [Sample, Plot]


def test_pyplot_stands_for_its_current_figure(task_logger: Logger, events: list[Event]) -> None:
    plt.plot([1, 2], [5, 6])
    task_logger.report_matplotlib_figure("t", "s", plt)
    [plot] = events
    assert isinstance(plot, Plot)
    assert json.loads(from_figure(plot.figure))["data"][0]["y"] == [5, 6]


def test_an_artist_that_fails_to_answer_makes_a_picture(
    task_logger: Logger, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = figure_of()
    monkeypatch.setattr(Line2D, "get_label", lambda _: 1 / 0)
    task_logger.report_matplotlib_figure("t", "s", figure)
    assert list(map(type, events)) == [Sample]


def test_a_figure_of_too_many_points_is_a_picture(
    task_logger: Logger,
    events: list[Event],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(plot_events, "MOST_BYTES", 100)
    with caplog.at_level(logging.INFO, "elsewhere"):
        task_logger.report_matplotlib_figure("t", "s", figure_of())
    assert list(map(type, events)) == [Sample]
    assert "The figure 't', 's' is reported as a picture: its JSON has" in caplog.text


@pytest.mark.parametrize("figure", [None, 3, plt, io.BytesIO(), Figure])
def test_what_is_no_figure_is_refused(
    task_logger: Logger, events: list[Event], figure: Any
) -> None:
    with pytest.raises(UsageError, match="A figure of matplotlib is needed"):
        task_logger.report_matplotlib_figure("t", "s", figure)
    assert plt.get_fignums() == []
    assert events == []


def test_a_figure_that_matplotlib_cannot_draw_is_refused(
    task_logger: Logger, events: list[Event]
) -> None:
    figure = figure_of()
    figure.text(0, 0, r"$\nothing{$")
    with pytest.raises(UsageError, match="matplotlib cannot draw the figure"):
        task_logger.report_matplotlib_figure("t", "s", figure)
    assert events == []


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"report_image": "yes"}, "report_image must be True or False"),
        ({"report_interactive": None}, "report_interactive must be True or False"),
        ({"title": " "}, "title=' '"),
        ({"iteration": "x"}, "iteration='x'"),
    ],
)
def test_a_wrong_argument_is_named(
    task_logger: Logger, events: list[Event], how: dict[str, Any], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        task_logger.report_matplotlib_figure(
            **{"title": "t", "series": "s", "figure": figure_of(), **how}
        )
    with pytest.raises(UsageError, match="force must be True or False"):
        Logger.matplotlib_force_report_non_interactive("no")  # type: ignore[arg-type]
    assert events == []
