"""Data of any library, as JSON has it."""

from __future__ import annotations

import array
import datetime as dt
import enum
import json
import math
import subprocess
import sys
from collections import deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from elsewhere.core.errors import UsageError
from elsewhere.report.figures.json_data import TooLarge, json_data
from tests.properties import PROPERTY

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone.utc)


class Colour(enum.IntEnum):
    RED = 1


class Loop:
    @property
    def to_plotly_json(self) -> Any:
        return lambda: self


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.array([1, 2], dtype="uint8"), [1, 2]),
        (np.array([[1.5, np.nan], [np.inf, -np.inf]]), [[1.5, None], [None, None]]),
        (np.array([True, False]), [True, False]),
        (np.float32(0.5), 0.5),
        (np.array(3), 3),
        (np.float16("nan"), None),
        (np.ma.array([1, 2], mask=[True, False]), [None, 2]),
        (np.array(["a", None], dtype=object), ["a", None]),
        (np.array(["2026-03-01T12", "NaT"], dtype="datetime64[ns]"), ["2026-03-01T12:00:00", None]),
        (np.datetime64("2026-03-01T12:00", "ns"), "2026-03-01T12:00:00"),
        (np.array([90], dtype="timedelta64[s]"), ["0:01:30"]),
        (np.zeros((0, 2)), []),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.Series([1.5, None]), [1.5, None]),
        (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
        (pd.Series([NOON, pd.NaT]), ["2026-03-01T12:00:00+00:00", None]),
        (pd.date_range("2026-03-01", periods=1), ["2026-03-01T00:00:00"]),
        (pd.period_range("2026-03", periods=1, freq="M"), ["2026-03"]),
        (pd.Index([1, 2]), [1, 2]),
        (pd.DataFrame({"x": [1, 2], "y": [3, 4]}), [[1, 3], [2, 4]]),
        (pa.array([1, None]), [1, None]),
        (pa.chunked_array([[1.5], [2.5]]), [1.5, 2.5]),
        (array.array("d", [1, math.nan]), [1, None]),
        (memoryview(b"ab"), [97, 98]),
        (pd.Timestamp("2026-03-01"), "2026-03-01T00:00:00"),
        ([pd.NA, pd.NaT, math.nan, None], [None, None, None, None]),
        (pd.Interval(0, 1), "(0, 1]"),
        (NOON.date(), "2026-03-01"),
        ([Decimal("0.5"), Fraction(1, 4), Decimal("nan")], [0.5, 0.25, None]),
        (Colour.RED, 1),
        (range(3), [0, 1, 2]),
        ((n for n in (1, math.inf)), [1, None]),
        (np.array([[0.5, math.nan]], dtype=np.longdouble), [[0.5, None]]),
        (np.longdouble(0.5), 0.5),
        (np.ma.array([0.5, 1, math.inf], mask=[False, True, False]), [0.5, None, None]),
        (deque([1]), [1]),
        ({1: {"a": (1, 2)}}.items(), [[1, {"a": [1, 2]}]]),
        (Path("a/b"), "a/b"),
        (b"a\xff", "a\\xff"),
        ("lone \ud800", "lone \\ud800"),
        (2**70, 2**70),
    ],
)
def test_values_are_those_of_json(value: Any, expected: Any) -> None:
    found = json_data("It", value)
    assert found == expected
    assert json.loads(json.dumps(found, allow_nan=False)) == expected


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1 + 2j, "complex numbers have no place on an axis"),
        (np.array([1j]), "complex numbers"),
        (Loop(), "it contains itself"),
    ],
)
def test_what_cannot_be_drawn_is_said(value: Any, why: str) -> None:
    with pytest.raises(UsageError, match=rf"^It cannot be drawn, .*: {why}"):
        json_data("It", value)


def test_a_list_within_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(UsageError, match="contains itself"):
        json_data("It", loop)


def test_an_array_that_would_take_gigabytes_as_a_list_is_refused_before() -> None:
    huge = np.broadcast_to(np.float64(1), (10**5, 10**5))
    with pytest.raises(TooLarge):
        json_data("It", huge)


@PROPERTY
@given(numpy_st.arrays(dtype=numpy_st.scalar_dtypes(), shape=numpy_st.array_shapes(max_side=3)))
def test_any_array_becomes_json_of_its_shape_or_is_refused(given_one: Any) -> None:
    try:
        found = json_data("It", given_one)
    except UsageError:
        assert given_one.dtype.kind in "cMm"  # complex numbers; times beyond those of Python
        return
    json.dumps(found, allow_nan=False)
    assert np.array(found, dtype=object).shape[: given_one.ndim] == given_one.shape


@PROPERTY
@given(st.recursive(st.floats() | st.text() | st.none(), st.lists))
def test_plain_data_stays_as_it_is_but_for_what_json_has_no_word_for(data: Any) -> None:
    assert json.loads(json.dumps(json_data("It", data), allow_nan=False)) == json_data("It", data)


def test_no_library_is_imported_for_it() -> None:
    code = """
import sys
from elsewhere.report.figures import histogram, matrix, scatter, table
table.table("t", "s", [["a"], [1]]), histogram.histogram("t", "s", [1.5])
matrix.heat_map("t", "s", [[1]]), scatter.scatter2d("t", "s", [(1, 2)])
print(sorted({"numpy", "pandas", "plotly", "matplotlib"} & sys.modules.keys()))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
