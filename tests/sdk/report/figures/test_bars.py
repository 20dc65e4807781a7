"""Bars of values that are counted already."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from elsewhere.core.errors import UsageError
from elsewhere.report.figures.histogram import MODES, histogram
from tests.properties import PROPERTY
from tests.sdk.report.figures.plotly_check import drawn


def test_rows_are_bars_of_one_colour_each() -> None:
    figure = drawn(
        histogram(
            "sizes",
            "train",
            np.array([[1, 2], [3, 4]]),
            labels=["A", "B"],
            xlabels=["small", "large"],
            xaxis="size",
            yaxis="count",
            mode="stack",
        )
    )
    assert figure["data"] == [
        {"type": "bar", "name": "A", "x": ["small", "large"], "y": [1, 2]},
        {"type": "bar", "name": "B", "x": ["small", "large"], "y": [3, 4]},
    ]
    layout = figure["layout"]
    assert layout["title"] == {"text": "sizes"}
    assert (layout["xaxis"], layout["yaxis"]) == (
        {"title": {"text": "size"}},
        {"title": {"text": "count"}},
    )
    assert layout["barmode"] == "stack"


def test_a_vector_is_one_row_named_by_its_series() -> None:
    [bars] = drawn(histogram("sizes", "train", [1, math.nan, 3]))["data"]
    assert bars == {"type": "bar", "name": "train", "x": [0, 1, 2], "y": [1, None, 3]}


@pytest.mark.parametrize(
    ("values", "ys"),
    [
        ([], [[]]),
        (5, [[5]]),
        ([[1, 2, 3], [4]], [[1, 2, 3], [4]]),
        (np.zeros((0, 3)), [[]]),
        ({"a": 1, "b": 2}.values(), [[1, 2]]),
        (["low", "high"], [["low", "high"]]),
    ],
)
def test_values_of_other_shapes_are_drawn(values: Any, ys: list[Any]) -> None:
    assert [bars["y"] for bars in drawn(histogram("t", "s", values))["data"]] == ys


def test_one_label_names_all_rows() -> None:
    figure = drawn(histogram("t", "s", [[1], [2]], labels=["A"]))
    assert [bars["name"] for bars in figure["data"]] == ["A", "A"]


def test_bars_that_lie_have_their_lengths_along_x() -> None:
    given = {"orientation": "h", "marker": {"color": "blue"}}
    [bars] = drawn(histogram("t", "s", [1, 2], data_args=given))["data"]
    assert (bars["x"], bars["y"], bars["marker"]) == ([1, 2], [0, 1], {"color": "blue"})


def test_an_extra_layout_counts_more_and_leaves_the_rest() -> None:
    extra = {"xaxis": {"type": "category"}, "bargap": np.float32(0.5), "showlegend": False}
    layout = drawn(histogram("t", "s", [1], xaxis="size", extra_layout=extra))["layout"]
    assert layout["xaxis"] == {"title": {"text": "size"}, "type": "category"}
    assert (layout["bargap"], layout["showlegend"]) == (0.5, False)


@pytest.mark.parametrize("mode", [*MODES, None])
def test_all_modes_are_those_of_plotly(mode: str | None) -> None:
    assert drawn(histogram("t", "s", [1], mode=mode))["layout"]["barmode"] == (mode or "group")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"mode": "stacked"}, "There is no mode 'stacked'. Did you mean 'stack'?"),
        ({"labels": ["A", "B", "C"]}, "labels must have 2 texts, one each, not 3"),
        ({"labels": "AB"}, "labels must be a list of texts, not 'AB'"),
        ({"xlabels": ["A"]}, "xlabels must have 2 texts"),
        ({"values": np.zeros((2, 2, 2))}, "must be one row of numbers, or several"),
        ({"values": [[1], 2]}, "must be one row of numbers, or several"),
        ({"values": {"a": 1}}, "must be one row of numbers, or several"),
        ({"data_args": [1]}, r"data_args must be a dict .*, not \[1\]"),
        ({"extra_layout": "wide"}, "extra_layout must be a dict .*, not 'wide'"),
    ],
)
def test_a_wrong_argument_is_named(change: dict[str, Any], why: str) -> None:
    arguments: dict[str, Any] = {"values": [[1, 2], [3, 4]], **change}
    with pytest.raises(UsageError, match=why):
        histogram("t", "s", **arguments)


@PROPERTY
@given(
    numpy_st.arrays(
        dtype=st.sampled_from(["f4", "i8", "u1", "?"]),
        shape=numpy_st.array_shapes(max_dims=2, max_side=3, min_side=0),
    ),
    st.text(),
)
def test_any_one_or_two_dimensional_array_is_drawn(values: Any, name: str) -> None:
    drawn(histogram(name, name, values))
