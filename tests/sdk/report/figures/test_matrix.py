"""Matrices as maps of colours and as surfaces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from elsewhere.core.errors import UsageError
from elsewhere.report.figures.matrix import heat_map, surface
from tests.sdk.report.figures.plotly_check import drawn


def test_a_confusion_matrix_has_names_for_rows_and_columns() -> None:
    figure = drawn(
        heat_map(
            "errors",
            "test",
            np.array([[5, 1], [np.nan, 7]]),
            xaxis="predicted",
            yaxis="true",
            xlabels=["cat", "dog"],
            ylabels=["Cat", "Dog"],
            yaxis_reversed=True,
            comment="test set",
        )
    )
    [trace] = figure["data"]
    assert (trace["x"], trace["y"]) == (["cat", "dog"], ["Cat", "Dog"])
    assert (trace["type"], trace["z"]) == ("heatmap", [[5, 1], [None, 7]])
    assert figure["layout"]["yaxis"] == {"title": {"text": "true"}, "autorange": "reversed"}
    assert figure["layout"]["title"]["text"] == "errors<br><sup>test set</sup>"


@pytest.mark.parametrize(
    ("matrix", "z"),
    [
        ([], [[]]),
        (np.zeros((0, 0)), [[]]),
        ([1, 2], [[1, 2]]),
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), [[1, 3], [2, 4]]),
        (np.eye(2, dtype=bool), [[True, False], [False, True]]),
    ],
)
def test_matrices_of_any_kind_are_drawn(matrix: Any, z: list[Any]) -> None:
    assert drawn(heat_map("t", "s", matrix))["data"][0]["z"] == z
    assert drawn(surface("t", "s", matrix))["data"][0]["z"] == z


def test_an_extra_layout_may_have_properties_of_the_map() -> None:
    extra = {"texttemplate": "%{z}", "colorscale": "Blues", "xaxis": {"side": "top"}}
    figure = drawn(heat_map("t", "s", [[1]], xaxis="x", extra_layout=extra))
    assert (figure["data"][0]["texttemplate"], figure["data"][0]["colorscale"]) == ("%{z}", "Blues")
    assert figure["layout"]["xaxis"] == {"title": {"text": "x"}, "side": "top"}
    assert extra.keys() == {"texttemplate", "colorscale", "xaxis"}


def test_a_surface_is_seen_from_its_camera() -> None:
    figure = drawn(
        surface(
            "t", "s", [[1, 2]], xlabels=["a", "b"], ylabels=["c"], zaxis="up", camera=(1, 2, 3.5)
        )
    )
    scene = figure["layout"]["scene"]
    assert scene["camera"]["eye"] == {"x": 1, "y": 2, "z": 3.5}
    assert (scene["xaxis"]["ticktext"], scene["xaxis"]["tickvals"]) == (["a", "b"], [0, 1])
    assert (scene["yaxis"]["ticktext"], scene["zaxis"]["title"]) == (["c"], {"text": "up"})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"matrix": [[1, 2], [3]]}, "must be a matrix"),
        ({"matrix": np.zeros((1, 1, 1))}, "must be one row of numbers, or several"),
        ({"xlabels": ["a", "b"]}, "xlabels must have 1 texts"),
        ({"ylabels": []}, "ylabels must have 1 texts"),
        ({"camera": (1, 2)}, "camera must be three numbers"),
        ({"camera": "abc"}, "camera must be three numbers"),
        ({"camera": ("a", "b", "c")}, "camera must be three numbers"),
        ({"extra_layout": 3}, "extra_layout must be a dict"),
    ],
)
def test_a_wrong_argument_is_named(change: dict[str, Any], why: str) -> None:
    arguments: dict[str, Any] = {"matrix": [[1]], **change}
    with pytest.raises(UsageError, match=why):
        surface("t", "s", **arguments)
