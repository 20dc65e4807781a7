"""What a script sets of its logger: numbers that are not finite, periods, names, captured logs."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere import Logger
from elsewhere.core.errors import UsageError
from elsewhere.core.events import Event, Scalar, Text
from elsewhere.core.scalars import POINT
from elsewhere.report import non_finite
from elsewhere.report.columns import Columns
from elsewhere.report.offset import Offset
from elsewhere.report.tensorboard_settings import TENSORBOARD


class Reported:
    """A logger, and what it gave on."""

    def __init__(self, folder: Path) -> None:
        self.events: list[Event] = []
        self.flushed: list[bool] = []
        self.is_in_time = True
        self.columns = Columns(wake=lambda: None)
        self.logger = Logger(
            self.events.append,
            flush=self._flush,
            columns=self.columns,
            offset=Offset(),
            files=folder,
        )

    def _flush(self, wait: bool) -> bool:
        self.flushed.append(wait)
        return self.is_in_time

    @property
    def values(self) -> list[float]:
        found = [POINT.iter_unpack(column.points) for column in self.columns.values()]
        return [value for points in found for _, _, value in points]

    @property
    def texts(self) -> list[tuple[str, int]]:
        return [(one.message, one.level) for one in self.events if isinstance(one, Text)]


@pytest.fixture
def reported(tmp_path: Path) -> Iterator[Reported]:
    yield Reported(tmp_path)
    Logger.set_reporting_nan_value(None)
    Logger.set_reporting_inf_value(None)
    Logger.tensorboard_auto_group_scalars(False)
    Logger.tensorboard_single_series_per_graph(False)


def test_what_is_not_finite_is_kept_unless_a_script_says_what_stands_for_it(
    reported: Reported, caplog: pytest.LogCaptureFixture
) -> None:
    odd = (math.nan, math.inf, -math.inf, 0.5)
    for value in odd:
        reported.logger.report_scalar("loss", "kept", value)
    assert list(map(repr, reported.values)) == list(map(repr, odd))
    assert not caplog.records
    Logger.set_reporting_nan_value(-1, warn_period=2)
    Logger.set_reporting_inf_value(7.5)
    for value in (*odd, math.nan, math.nan):
        reported.logger.report_scalar("loss", "replaced", value)
    assert reported.values[4:] == [-1.0, 7.5, 7.5, 0.5, -1.0, -1.0]
    assert [record.message for record in caplog.records] == [
        "NaN of loss/replaced is recorded as -1.0.",
        "An infinity of loss/replaced is recorded as 7.5.",
        "NaN of loss/replaced is recorded as -1.0.",
    ]
    reported.logger.report_single_value("score", math.nan)
    Logger.set_reporting_nan_value(None)
    reported.logger.report_single_value("score", math.nan)
    values = [one.value for one in reported.events if isinstance(one, Scalar)]
    assert list(map(repr, values)) == ["-1.0", "nan"]


def test_a_replacement_that_is_not_finite_is_refused_and_changes_nothing() -> None:
    with pytest.raises(UsageError, match="a finite number"):
        Logger.set_reporting_nan_value(math.nan)
    assert non_finite.NAN.value is None


def test_flush_tells_whether_the_store_has_it_in_time(reported: Reported) -> None:
    assert reported.logger.flush() is True
    reported.is_in_time = False
    assert reported.logger.flush(wait=True) is False
    assert reported.flushed == [False, True]


@pytest.mark.parametrize("what", ["period", "threshold"])
def test_when_to_flush_is_said_once_to_change_nothing(
    reported: Reported, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    for _ in range(3):
        getattr(reported.logger, f"set_flush_{what}")(30)
    assert getattr(reported.logger, f"get_flush_{what}")() is None
    [record] = caplog.records
    assert f"set_flush_{what}(30) changes nothing" in record.message


def test_records_of_logging_are_texts_while_they_are_captured(
    reported: Reported, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    program = logging.getLogger("program")
    program.info("before")
    with reported.logger.capture_logging():
        program.info("epoch %d", 3)
        program.debug("too low")
        program.error("broken", exc_info=ValueError("why"))
    program.info("after")
    [(epoch, level), (broken, _)] = reported.texts
    assert (epoch, level) == ("epoch 3", logging.INFO)
    assert broken.startswith("broken\n")
    assert broken.endswith("ValueError: why")


def test_an_error_within_captured_logging_is_the_programs_own(reported: Reported) -> None:
    handlers = list(logging.root.handlers)

    def program() -> None:
        with reported.logger.capture_logging():
            logging.getLogger("program").warning("now")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        program()
    assert logging.root.handlers == handlers
    assert reported.texts == [("now", logging.WARNING)]


def test_a_record_that_cannot_be_formatted_ends_nothing(
    reported: Reported, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    with reported.logger.capture_logging():
        logging.getLogger("program").warning("%d", "x")
        logging.getLogger("program").warning("next")
    assert reported.texts == [("next", logging.WARNING)]
    assert "Logging error" in capsys.readouterr().err


def test_the_settings_of_tensorboard_are_there_for_whoever_records_it(reported: Reported) -> None:
    assert (TENSORBOARD.groups_scalars, TENSORBOARD.has_graph_for_each) == (False, False)
    reported.logger.tensorboard_auto_group_scalars(True)
    Logger.tensorboard_single_series_per_graph(True)
    assert (TENSORBOARD.groups_scalars, TENSORBOARD.has_graph_for_each) == (True, True)
    with pytest.raises(UsageError):
        Logger.tensorboard_auto_group_scalars("yes")  # type: ignore[arg-type]


def test_lines_of_a_plot_may_be_objects_of_the_loggers_class(reported: Reported) -> None:
    line = Logger.SeriesInfo(name="a", data=[(0, 1), (1, 3)], labels=["x", "y"])
    reported.logger.report_line_plot("lines", [line], "step", "loss")
    [plot] = reported.events
    assert '"y":[1,3]' in plot.figure  # type: ignore[attr-defined]


def test_the_older_name_of_an_image_reports_one(reported: Reported, tmp_path: Path) -> None:
    reported.logger.report_image_and_upload("t", "s", 3, matrix=[[0, 255], [255, 0]])
    [sample] = reported.events
    assert (sample.title, sample.iteration) == ("t", 3)  # type: ignore[attr-defined]
    assert (tmp_path.parent / sample.file).exists()  # type: ignore[attr-defined]
