"""Tables of lists, data frames and CSV."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from elsewhere.core.errors import UsageError
from elsewhere.report.figures.table import rows_of_csv, table
from tests.sdk.report.figures.plotly_check import drawn


def cells(figure: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    [trace] = drawn(figure)["data"]
    assert trace["type"] == "table"
    return trace["header"]["values"], trace["cells"]["values"]


def test_the_first_row_of_a_list_has_the_names() -> None:
    rows = [["name", "score"], ["a", 1.5], ["b", math.nan], ("c", -math.inf), ["d"]]
    assert cells(table("t", "s", rows)) == (
        ["name", "score"],
        [["a", "b", "c", "d"], [1.5, "nan", "-inf", ""]],
    )


@pytest.mark.parametrize(
    ("table_plot", "expected"),
    [
        ([], ([], [])),
        ([["a"]], (["a"], [[]])),
        ([[]], ([], [])),
        ([["a"], [1, 2]], (["a", ""], [[1], [2]])),
        (np.array([[1, 2], [3, np.inf]]), ([1, 2], [[3], ["inf"]])),
        ([["a"], [np.float32("nan")], [[1, 2]], [None]], (["a"], [["nan", "[1, 2]", None]])),
        ([np.array(["a"]), np.array([1])], (["a"], [[1]])),
    ],
)
def test_tables_of_any_size_are_drawn(table_plot: Any, expected: Any) -> None:
    assert cells(table("t", "s", table_plot)) == expected


def test_a_frame_has_its_columns_and_an_index_that_says_something() -> None:
    numbered = pd.DataFrame({"legs": [2, 4], "wings": [2.0, math.inf]})
    assert cells(table("t", "s", numbered)) == (["legs", "wings"], [[2, 4], [2.0, "inf"]])
    named = numbered.set_axis(["falcon", "dog"])
    assert cells(table("t", "s", named)) == (
        ["", "legs", "wings"],
        [["falcon", "dog"], [2, 4], [2.0, "inf"]],
    )


def test_a_frame_of_odd_columns_is_drawn() -> None:
    twice = pd.DataFrame([[1, pd.Timestamp("2026-03-01")]], columns=["a", "a"])
    assert cells(table("t", "s", twice)) == (["a", "a"], [[1], ["2026-03-01T00:00:00"]])
    deep = pd.DataFrame(
        [[1, 2]],
        columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]),
        index=pd.MultiIndex.from_tuples([("p", 0)], names=["i", None]),
    )
    assert cells(table("t", "s", deep)) == (
        [["", "i"], ["", ""], ["a", "x"], ["a", "y"]],
        [["p"], [0], [1], [2]],
    )
    assert cells(table("t", "s", pd.DataFrame())) == ([], [])


def test_data_and_layout_can_be_added_to() -> None:
    extra = {"columnwidth": [2.0, 1.0], "cells": {"align": "right"}}
    figure = drawn(table("t", "s", [["a"], [1]], extra_data=extra, extra_layout={"height": 600}))
    [trace] = figure["data"]
    assert (trace["columnwidth"], trace["cells"]) == (
        [2.0, 1.0],
        {"values": [[1]], "align": "right"},
    )
    assert figure["layout"] == {"title": {"text": "t"}, "height": 600}


def test_csv_is_shown_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'\xef\xbb\xbfname,score\r\n"a, b",1.50\r\n\r\n\xff,nan\r\n')
    assert rows_of_csv(path) == [["name", "score"], ["a, b", "1.50"], ["\\xff", "nan"]]


def test_csv_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read from '.*gone.csv'"):
        rows_of_csv(tmp_path / "gone.csv")


@pytest.mark.parametrize("table_plot", [3, "a,b", {"a": [1]}])
def test_what_is_no_table_is_refused(table_plot: Any) -> None:
    with pytest.raises(UsageError, match="table_plot must be a data frame of pandas, or a list"):
        table("t", "s", table_plot)


def test_a_row_that_is_no_list_is_refused() -> None:
    with pytest.raises(UsageError, match="Each row of table_plot must be a list"):
        table("t", "s", [["a"], 1])
