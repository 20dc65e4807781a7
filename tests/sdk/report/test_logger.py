"""The logger: what it reports, and how it answers wrong arguments."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elsewhere.core.choices import ScalarKind
from elsewhere.core.errors import UsageError
from elsewhere.core.events import Event, Scalar, Text
from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.core.scalars import POINT
from elsewhere.report.columns import Columns
from elsewhere.report.logger import Logger
from elsewhere.report.offset import Offset


class Tensor:
    """Converts as an array or tensor of one number does."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return float(self.value)

    def __index__(self) -> int:
        return int(self.value)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def flushes() -> list[bool]:
    return []


@pytest.fixture
def columns() -> Columns:
    return Columns(wake=lambda: None)


@pytest.fixture
def task_logger(
    events: list[Event], flushes: list[bool], columns: Columns, tmp_path: Path
) -> Logger:
    return Logger(
        events.append,
        flush=flushes.append,
        columns=columns,
        offset=Offset(100),
        files=tmp_path / "files",
    )


def points(columns: Columns) -> list[tuple[str, str, int, float]]:
    """What was reported: title, series, iteration and value of each point."""
    return [
        (column.title, column.series, iteration, value)
        for column in dict.fromkeys(columns.values())
        for iteration, _, value in POINT.iter_unpack(column.points)
    ]


def test_a_scalar_is_offset_and_becomes_a_float(task_logger: Logger, columns: Columns) -> None:
    task_logger.report_scalar("loss", "train", Tensor(2), Tensor(7))  # type: ignore[arg-type]
    assert points(columns) == [("loss", "train", 107, 2.0)]


def test_without_an_iteration_a_series_counts_on_by_itself(
    task_logger: Logger, columns: Columns
) -> None:
    for value in range(3):
        task_logger.report_scalar("loss", "train", value)
    task_logger.report_scalar("loss", "test", 5.0)
    task_logger.report_scalar("loss", "train", 6, iteration=40)
    task_logger.report_scalar("loss", "train", 7, iteration=None)
    train = [(100, 0), (101, 1), (102, 2), (140, 6), (141, 7)]
    assert points(columns) == [
        *(("loss", "train", at, value) for at, value in train),
        ("loss", "test", 100, 5.0),
    ]


def test_names_that_utf_8_cannot_express_are_of_one_series_with_what_stands_for_them(
    task_logger: Logger, columns: Columns
) -> None:
    task_logger.report_scalar("\udcff", "a", 1.0, 1)
    task_logger.report_scalar("\\udcff", "a", 2.0, 2)
    assert points(columns) == [("\\udcff", "a", 101, 1.0), ("\\udcff", "a", 102, 2.0)]
    assert columns.count == 2


def test_a_name_with_the_separator_of_the_store_is_no_other_series(
    task_logger: Logger, columns: Columns
) -> None:
    task_logger.report_scalar("a\x1fb", "c", 1.0, 1)
    task_logger.report_scalar("a", "b\x1fc", 2.0, 1)
    assert points(columns) == [("a\\x1fb", "c", 101, 1.0), ("a", "b\\x1fc", 101, 2.0)]


@pytest.mark.parametrize("value", [2, np.float32(2), np.array(2), np.array([2.0]), np.array([[2]])])
@pytest.mark.parametrize("iteration", [7, 7.0, np.int64(7), np.float64(7), np.array([7])])
def test_numbers_of_numpy_are_reported(
    task_logger: Logger, columns: Columns, events: list[Event], value: Any, iteration: Any
) -> None:
    task_logger.report_scalar("loss", "train", value, iteration)
    task_logger.report_single_value("loss", value)
    assert points(columns) == [("loss", "train", 107, 2.0)]
    [single] = events
    assert isinstance(single, Scalar)
    assert (type(single.value), single.value) == (float, 2.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_no_numbers_are_kept_as_they_are(
    task_logger: Logger, columns: Columns, value: float
) -> None:
    task_logger.report_scalar(title="loss", series="train", value=value, iteration=0)
    assert repr(points(columns)) == repr([("loss", "train", 100, value)])


def test_a_secret_in_the_name_of_a_single_value_is_hidden(
    task_logger: Logger, events: list[Event]
) -> None:
    task_logger.report_single_value("of swordfish-1234", 1)
    [event] = events
    hidden = event.hidden(KnownSecrets([], {"SERVICE_TOKEN": "swordfish-1234"}))
    assert isinstance(hidden, Scalar)
    assert hidden.series == "of ***"


def test_a_single_value_has_no_offset(task_logger: Logger, events: list[Event]) -> None:
    task_logger.report_single_value("accuracy", 1)
    [event] = events
    assert isinstance(event, Scalar)
    assert (event.title, event.series, event.value) == ("Summary", "accuracy", 1.0)
    assert (event.iteration, event.kind) == (-(2**31), ScalarKind.SINGLE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": ""}, "title=''"),
        ({"title": None}, "title=None"),
        ({"series": " "}, "series=' '"),
        ({"series": 3}, "series=3"),
        ({"value": "0.5"}, "'0.5' cannot be reported: it is text"),
        ({"value": None}, "None cannot be reported"),
        ({"value": [1, 2]}, r"\[1, 2\] cannot be reported"),
        ({"value": 10**400}, "too large"),
        ({"value": np.array([1.0, 2.0])}, r"array\(\[1., 2.\]\) cannot be reported"),
        ({"value": np.array(["1"])}, "cannot be reported: it is text"),
        ({"iteration": 1.5}, "iteration=1.5: it must be a whole number"),
        ({"iteration": np.float64(1.5)}, "it must be a whole number"),
        ({"iteration": math.inf}, "iteration=inf: it must be a whole number"),
        ({"iteration": np.bool_(True)}, "it must be a whole number"),
        ({"iteration": np.array([1, 2])}, "it must be a whole number"),
        ({"iteration": "3"}, "iteration='3'"),
        ({"iteration": True}, "iteration=True"),
        ({"iteration": 2**63}, "iteration=9223372036854775808"),
        ({"iteration": -(2**64)}, "it must be a whole number"),
        ({"title": ["loss"]}, r"title=\['loss'\]"),
        ({"series": {}}, "series={}"),
    ],
)
def test_a_wrong_argument_is_named(
    task_logger: Logger, columns: Columns, change: dict[str, Any], said: str
) -> None:
    arguments = {"title": "loss", "series": "train", "value": 1, "iteration": 1}
    with pytest.raises(UsageError, match=said):
        task_logger.report_scalar(**(arguments | change))  # type: ignore[arg-type]
    assert points(columns) == []
    task_logger.report_scalar("loss", "train", 1.0)
    assert points(columns) == [("loss", "train", 100, 1.0)], "what was refused counts nothing"


def test_text_is_reported_and_printed(
    task_logger: Logger, events: list[Event], capsys: pytest.CaptureFixture[str]
) -> None:
    task_logger.report_text("hello")
    task_logger.report_text("quiet \udcff", level=logging.ERROR, print_console=False)
    assert capsys.readouterr().out == "hello\n"
    assert [(e.message, e.level) for e in events if isinstance(e, Text)] == [
        ("hello", logging.INFO),
        ("quiet \\udcff", logging.ERROR),
    ]


def test_a_level_that_is_no_number_is_refused(task_logger: Logger, events: list[Event]) -> None:
    with pytest.raises(UsageError, match=r"level of report_text .*logging.WARNING, not 'ERROR'"):
        task_logger.report_text("hello", level="ERROR")  # type: ignore[arg-type]
    assert events == []


def test_a_flush_says_whether_to_wait(task_logger: Logger, flushes: list[bool]) -> None:
    task_logger.flush()
    task_logger.flush(wait=True)
    assert flushes == [False, True]
