"""Plots of the logger: which figure each call reports, and how it travels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from elsewhere.core.errors import UsageError
from elsewhere.core.events import Event, Plot, decode_event, encode_event
from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.core.plot_events import from_figure, unpack
from elsewhere.report.columns import Columns
from elsewhere.report.logger import Logger
from elsewhere.report.offset import Offset
from tests.sdk.report.figures.plotly_check import drawn

SECRET = "hunter2\"é\\n'6"
POINTS = [(0, 1.5), (1, 2.5)]
FRAME = pd.DataFrame({"a": [1.0, np.nan]})

#: every call that reports a plot, with the type of its trace
REPORTS: list[tuple[str, Callable[[Logger], None]]] = [
    ("bar", lambda logger: logger.report_vector("t", "s", [1, 2], 3)),
    ("bar", lambda logger: logger.report_histogram("t", "s", [1, 2], 3)),
    ("table", lambda logger: logger.report_table("t", "s", 3, FRAME)),
    (
        "scatter",
        lambda logger: logger.report_line_plot(
            "t", [{"name": "s", "data": POINTS}], "x", "y", iteration=3
        ),
    ),
    ("scatter", lambda logger: logger.report_scatter2d("t", "s", POINTS, 3)),
    ("scatter3d", lambda logger: logger.report_scatter3d("t", "s", [(1, 2, 3)], 3)),
    ("heatmap", lambda logger: logger.report_confusion_matrix("t", "s", [[1, 2]], 3)),
    ("heatmap", lambda logger: logger.report_matrix("t", "s", [[1, 2]], 3)),
    ("surface", lambda logger: logger.report_surface("t", "s", [[1, 2]], 3)),
    ("bar", lambda logger: logger.report_plotly("t", "s", go.Figure(go.Bar(y=[1])), 3)),
]


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def plots(events: list[Event], tmp_path: Path) -> Logger:
    """The logger of a task that goes on at iteration 100, and that has a secret."""
    (tmp_path / "files").mkdir()
    return Logger(
        lambda event: events.append(decode_event(encode_event(event))),
        flush=lambda _: None,
        files=tmp_path / "files",
        known=KnownSecrets((), {"API_KEY": SECRET}),
        columns=Columns(wake=lambda: None),
        offset=Offset(100),
    )


def the_plot(events: list[Event]) -> Plot:
    [event] = events
    assert isinstance(event, Plot)
    return event


def the_figure(events: list[Event]) -> dict[str, Any]:
    figure: dict[str, Any] = json.loads(from_figure(the_plot(events).figure))
    return drawn(figure)


@pytest.mark.parametrize(("kind", "report"), REPORTS)
def test_every_call_reports_a_figure_by_its_name_and_step(
    plots: Logger, events: list[Event], kind: str, report: Callable[[Logger], None]
) -> None:
    report(plots)
    figure = the_figure(events)
    plot = the_plot(events)
    assert (plot.title, plot.iteration, plot.history) == ("t", 103, 0)
    assert plot.at > 0
    assert [trace["type"] for trace in figure["data"]] == [kind]


def test_there_is_an_example_of_every_call() -> None:
    calls = {name for name in dir(Logger) if name.startswith("report_")}
    others = {"report_scalar", "report_single_value", "report_text", "report_image", "report_media"}
    others |= {"report_image_and_upload"}
    used = {name for _, report in REPORTS for name in report.__code__.co_names}
    assert calls - others - {"report_matplotlib_figure"} <= used


def test_all_arguments_get_into_the_figure(plots: Logger, events: list[Event]) -> None:
    plots.report_histogram(
        title="t",
        series="s",
        values=[[1, 2]],
        labels=["L"],
        xlabels=["a", "b"],
        xaxis="X",
        yaxis="Y",
        mode="relative",
        data_args={"opacity": 0.5},
        extra_layout={"height": 99},
    )
    assert the_figure(events) == {
        "data": [{"type": "bar", "name": "L", "x": ["a", "b"], "y": [1, 2], "opacity": 0.5}],
        "layout": {
            "title": {"text": "t"},
            "xaxis": {"title": {"text": "X"}},
            "yaxis": {"title": {"text": "Y"}},
            "barmode": "relative",
            "bargap": 0.08,
            "height": 99,
        },
    }


@pytest.mark.parametrize("iteration", [None, 0, np.int64(5), 5.0])
def test_without_an_iteration_it_is_0_also_of_a_task_that_goes_on(
    plots: Logger, events: list[Event], iteration: Any
) -> None:
    plots.report_scatter2d("t", "s", POINTS, iteration)
    assert the_plot(events).iteration == (0 if iteration is None else 100 + iteration)


def test_a_table_comes_from_a_file_or_from_a_url(
    plots: Logger, events: list[Event], tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    plots.report_table("t", "s", csv=str(path))
    plots.report_table("t", "s", url=path.as_uri())
    figures = [json.loads(event.figure) for event in events if isinstance(event, Plot)]
    assert [figure["data"][0]["cells"]["values"] for figure in figures] == [[["1"], ["2"]]] * 2


@pytest.mark.parametrize(
    "given", [{}, {"csv": "a", "url": "b"}, {"table_plot": [["a"]], "csv": "a"}]
)
def test_a_table_has_one_source(plots: Logger, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="exactly one of table_plot, csv and url"):
        plots.report_table("t", "s", **given)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"title": ""}, "title=''"),
        ({"series": None}, "series=None"),
        ({"iteration": 1.5}, "iteration=1.5"),
        ({"scatter": "abc"}, "points of 2 numbers"),
        ({"scatter": [(1, 2j)]}, "complex numbers"),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_reported(
    plots: Logger, events: list[Event], change: dict[str, Any], why: str
) -> None:
    arguments: dict[str, Any] = {"title": "t", "series": "s", "scatter": POINTS} | change
    with pytest.raises(UsageError, match=why):
        plots.report_scatter2d(**arguments)
    assert events == []


def test_a_figure_of_some_size_is_packed(plots: Logger, events: list[Event]) -> None:
    plots.report_scatter2d("t", "s", np.zeros((10_000, 2)))
    assert len(the_plot(events).figure) < 1000
    assert len(the_figure(events)["data"][0]["x"]) == 10_000


def test_a_large_figure_is_a_file_in_the_run_folder(
    plots: Logger, events: list[Event], tmp_path: Path
) -> None:
    values = np.random.default_rng(0).random((100_000, 2))
    plots.report_scatter2d("t", "s", values)
    plot = the_plot(events)
    path = tmp_path / plot.file
    assert (plot.figure, path.parts[-2], path.suffix) == ("", "files", ".gz")
    figure = json.loads(unpack(path.read_bytes()))
    assert figure["data"][0]["y"] == values[:, 1].tolist()


@pytest.mark.parametrize(
    "report",
    [
        lambda logger: logger.report_histogram("t", "s", np.zeros(60_000_000, dtype="?")),
        lambda logger: logger.report_plotly("t", "s", {"data": [{"text": "x" * 50_000_001}]}),
    ],
    ids=["numbers", "text"],
)
def test_a_figure_that_nobody_can_draw_is_a_warning(
    plots: Logger,
    events: list[Event],
    caplog: pytest.LogCaptureFixture,
    report: Callable[[Logger], None],
) -> None:
    report(plots)
    assert events == []
    [warning] = caplog.messages
    assert "The plot 't', 's' is not recorded, since it is too large" in warning


def test_a_disk_that_takes_no_file_is_a_warning(
    events: list[Event], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "files").write_text("no folder")
    known = KnownSecrets((), {})
    logger = Logger(
        events.append,
        flush=lambda _: None,
        columns=Columns(wake=lambda: None),
        offset=Offset(),
        files=tmp_path / "files",
        known=known,
    )
    logger.report_scatter2d("t", "s", np.random.default_rng(0).random((100_000, 2)))
    assert events == []
    assert "The plot 't', 's' is lost: " in caplog.text


def test_known_secrets_are_hidden_wherever_a_text_stands(
    plots: Logger, events: list[Event], tmp_path: Path
) -> None:
    url = "postgres://ada:pw123@host/db"
    with_secret = f"a {SECRET} {url}"
    filler = np.random.default_rng(0).random((100_000, 2))
    plots.report_table("t", "s", table_plot=[[with_secret], [with_secret]])
    plots.report_scatter2d(
        *("t", "s", filler, None, with_secret),
        comment=with_secret,
        extra_layout={"annotations": [{"text": with_secret}], "meta": {SECRET: 1}},
    )
    plots.report_plotly("t", "s", {"data": [{"text": [[with_secret]]}], "layout": {}})
    texts = []
    for event in events:
        assert isinstance(event, Plot)
        packed = (tmp_path / event.file).read_bytes() if event.file else b""
        texts.append(unpack(packed) if packed else from_figure(event.figure))
    assert [text.count("a *** postgres://ada:***@host/db") for text in texts] == [2, 3, 1]
    for text in texts:
        assert "hunter2" not in text
        assert "pw123" not in text


def test_names_that_utf_8_cannot_express_are_reported(plots: Logger, events: list[Event]) -> None:
    odd = "lone \ud800"
    plots.report_scatter2d(odd, odd, POINTS, xaxis=odd, comment=odd, labels=[odd, None])  # type: ignore[list-item]
    figure = the_figure(events)
    assert figure["layout"]["xaxis"]["title"]["text"] == "lone \\ud800"
    assert figure["data"][0]["text"] == ["lone \\ud800", None]


def test_a_plot_is_a_line_of_the_journal(plots: Logger, events: list[Event]) -> None:
    plots.report_plotly("t", "s", {"data": [], "layout": {"title": {"text": "two\nlines \ud800"}}})
    assert the_figure(events)["layout"]["title"]["text"] == "two\nlines \\ud800"
