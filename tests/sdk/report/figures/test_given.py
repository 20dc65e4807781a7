"""Figures that a program has made itself."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from elsewhere.core.errors import UsageError
from elsewhere.report.figures.given import given_figure
from tests.sdk.report.figures.plotly_check import drawn

FIGURE = go.Figure(go.Bar(y=[1, 2]), layout={"title": "t"})


@pytest.mark.parametrize(
    "figure", [FIGURE, FIGURE.to_dict(), FIGURE.to_json(), FIGURE.to_plotly_json()]
)
def test_a_figure_of_plotly_stays_what_it_is(figure: Any) -> None:
    found = drawn(given_figure("t", "s", figure))
    assert go.Figure(found) == FIGURE


def test_a_dict_may_hold_arrays_and_objects_of_plotly() -> None:
    figure = {
        "data": (go.Scatter(y=np.array([1.0, np.nan])), {"type": "bar", "y": np.arange(2)}),
        "layout": go.Layout(title="t"),
        "frames": [{"name": "one"}],
    }
    found = drawn(given_figure("t", "s", figure))
    line, bars = go.Figure(found).data
    assert np.array_equal(np.asarray(line.y, dtype=float), [1.0, np.nan], equal_nan=True)
    assert list(bars.y) == [0, 1]
    assert found["frames"] == [{"name": "one"}]


def test_nan_in_json_text_becomes_null() -> None:
    assert given_figure("t", "s", '{"data": [{"y": [NaN, Infinity]}]}')["data"] == [
        {"y": [None, None]}
    ]


@pytest.mark.parametrize("figure", [{}, {"data": []}, {"layout": None}])
def test_an_empty_figure_is_one(figure: Any) -> None:
    assert drawn(given_figure("t", "s", figure)) == {"data": [], "layout": {}}


@pytest.mark.parametrize(
    ("figure", "why"),
    [
        (3, "'int' is not a figure"),
        ([{"y": [1]}], "'list' is not a figure"),
        (None, "'NoneType' is not a figure"),
        ("{", "its text is not JSON"),
        (b"\xff", "its text is not JSON"),
        (json.dumps([1]), "'list' is not a figure"),
        ({"data": {"y": [1]}}, "is not a figure"),
        ({"data": [1]}, "each of its 'data' must be a dict"),
        ({"data": [], "layout": []}, "its 'layout' must be a dict"),
        ({"data": [{"y": 1j}]}, "complex numbers"),
    ],
)
def test_what_is_no_figure_is_refused(figure: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        given_figure("t", "s", figure)
