"""Points and lines in two and in three dimensions."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from elsewhere.core.errors import UsageError
from elsewhere.report.figures.scatter import MODES, lines, scatter2d, scatter3d
from tests.sdk.report.figures.plotly_check import drawn


class Series(NamedTuple):
    name: str
    data: Any
    labels: list[str]


def test_points_become_two_columns() -> None:
    figure = drawn(
        scatter2d(
            "path",
            "car",
            np.array([[0, 1.5], [1, np.nan]]),
            xaxis="east",
            yaxis="north",
            labels=["start", "end"],
            mode="lines+markers",
            comment="one lap",
        )
    )
    assert figure["data"] == [
        {
            "type": "scatter",
            "name": "car",
            "mode": "lines+markers",
            "x": [0, 1],
            "y": [1.5, None],
            "text": ["start", "end"],
        }
    ]
    assert figure["layout"]["title"] == {"text": "path<br><sup>one lap</sup>"}
    assert figure["layout"]["xaxis"] == {"title": {"text": "east"}}


@pytest.mark.parametrize("mode", MODES)
def test_all_modes_are_those_of_plotly(mode: str) -> None:
    assert drawn(scatter2d("t", "s", [(1, 2)], mode=mode))["data"][0]["mode"] == mode


@pytest.mark.parametrize(
    ("scatter", "x"),
    [
        ([], [[]]),
        (np.zeros((0, 2)), [[]]),
        (zip([1, 2], [3, 4], strict=True), [[1, 2]]),
        (pd.DataFrame({"x": [1, 2], "y": [3, 4]}), [[1, 2]]),
        (pd.DataFrame({"x": pd.to_datetime(["2026-03-01"]), "y": [1]}), [["2026-03-01T00:00:00"]]),
        ([("a", 1), ("b", 2)], [["a", "b"]]),
        ([[(1, 2)], [(3, 4), (5, 6)]], [[1], [3, 5]]),
        ([np.zeros((2, 2)), np.ones((1, 2))], [[0, 0], [1]]),
        (np.zeros((2, 1, 2)), [[0], [0]]),
    ],
)
def test_points_of_any_kind_are_drawn(scatter: Any, x: list[Any]) -> None:
    assert [trace["x"] for trace in drawn(scatter2d("t", "s", scatter))["data"]] == x


def test_several_series_are_numbered_and_have_labels_each() -> None:
    series = [[(1, 2)], [(3, 4), (5, 6)]]
    one, two = drawn(scatter2d("t", "run", series, labels=[["a"], ["b", "c"]]))["data"]
    assert (one["name"], one["text"], two["name"], two["text"]) == (
        "run 1",
        ["a"],
        "run 2",
        ["b", "c"],
    )


def test_points_in_space_have_three_columns() -> None:
    figure = drawn(scatter3d("t", "s", [(1, 2, 3), (4, 5, math.inf)], zaxis="up", fill=True))
    [trace] = figure["data"]
    assert (trace["type"], trace["mode"]) == ("scatter3d", "markers")
    assert (trace["x"], trace["y"], trace["z"]) == ([1, 4], [2, 5], [3, None])
    assert trace["surfaceaxis"] == 2
    assert figure["layout"]["scene"]["zaxis"] == {"title": {"text": "up"}}
    assert "surfaceaxis" not in drawn(scatter3d("t", "s", []))["data"][0]


@pytest.mark.parametrize(
    "series",
    [{"name": "a", "data": [(1, 2)], "labels": ["p"]}, Series("a", np.array([[1, 2]]), ["p"])],
)
def test_lines_have_names_of_their_own(series: Any) -> None:
    figure = drawn(lines("t", "t", [series], xaxis="x", yaxis="y", reverse_xaxis=True))
    assert figure["data"] == [
        {"type": "scatter", "name": "a", "mode": "lines", "x": [1], "y": [2], "text": ["p"]}
    ]
    assert figure["layout"]["xaxis"]["autorange"] == "reversed"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"scatter": [1, 2]}, r"must be points of 2 numbers each, such as \[\(0, 1\), ...\]"),
        ({"scatter": np.zeros((2, 3))}, "points of 2 numbers"),
        ({"scatter": 3}, "points of 2 numbers"),
        ({"scatter": [(1, 2), (3,)]}, "points of 2 numbers"),
        ({"mode": "dots"}, "There is no mode 'dots'"),
        ({"mode": None}, "There is no mode None"),
        ({"labels": ["a", "b"]}, "labels must have 1 texts"),
        ({"scatter": [[(1, 2)], [(3, 4)]], "labels": ["a"]}, "a list for each of the 2 series"),
    ],
)
def test_a_wrong_argument_is_named(change: dict[str, Any], why: str) -> None:
    arguments: dict[str, Any] = {"scatter": [(1, 2)], **change}
    with pytest.raises(UsageError, match=why):
        scatter2d("t", "s", **arguments)


@pytest.mark.parametrize("series", [(1, 2), {"name": "a"}, {"data": [(1, 2)]}, {}])
def test_a_series_of_lines_needs_a_name_and_points(series: Any) -> None:
    with pytest.raises(UsageError, match="a dict with its name and its points"):
        lines("t", "t", [series], xaxis="x", yaxis="y")
