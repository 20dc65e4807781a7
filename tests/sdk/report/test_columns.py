"""Columns: the points of scalars between `report_scalar` and the journal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.journal import journal_files, read_events
from elsewhere.core.scalars import POINT
from elsewhere.report.columns import Columns
from elsewhere.report.logger import Logger
from elsewhere.report.offset import Offset
from elsewhere.report.reporter import Reporter
from tests.waiting import wait_until


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    reporter = Reporter(tmp_path)
    yield reporter
    reporter.close()


@pytest.fixture
def task_logger(reporter: Reporter, tmp_path: Path) -> Logger:
    return Logger(
        reporter.record,
        flush=lambda _wait: reporter.flush(),
        columns=reporter.columns,
        offset=Offset(),
        files=tmp_path / "files",
    )


def written(folder: Path) -> dict[str, list[int]]:
    """The iterations in the journal, by series."""
    found: dict[str, list[int]] = {}
    for path in journal_files(folder):
        for event in read_events(path, 0, 1 << 30)[0]:
            for column in event.points():
                points = POINT.iter_unpack(column.points)
                found.setdefault(column.series, []).extend(at for at, _, _ in points)
    return found


def test_threads_lose_no_point_and_each_series_keeps_its_order(
    reporter: Reporter, task_logger: Logger, tmp_path: Path
) -> None:
    def report(own: str) -> None:
        for iteration in range(5000):
            task_logger.report_scalar("loss", own, 0.5, iteration)
            task_logger.report_scalar("loss", "all", 0.5, iteration)

    threads = [threading.Thread(target=report, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reporter.flush()
    found = written(tmp_path)
    assert [found[str(number)] for number in range(4)] == [list(range(5000))] * 4
    assert sorted(found["all"]) == sorted([*range(5000)] * 4)


def test_the_thread_wakes_for_a_point_again_and_again(task_logger: Logger, tmp_path: Path) -> None:
    for count in range(1, 4):
        task_logger.report_scalar("loss", "train", 0.5)
        wait_until(lambda count=count: len(written(tmp_path).get("train", ())) == count)  # type: ignore[misc]


def test_a_flush_writes_a_quiet_series_beside_one_that_never_rests(
    reporter: Reporter, task_logger: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsewhere.report.reporter._BLOCK", 10)
    monkeypatch.setattr("elsewhere.report.reporter._GATHER_S", 3600)  # the thread never comes to it
    writes = reporter._append

    def report_meanwhile(*given: object) -> None:
        writes(*given)  # type: ignore[arg-type]
        for _ in range(50):
            task_logger.report_scalar("loss", "busy", 0.5)

    task_logger.report_scalar("loss", "busy", 0.5)
    task_logger.report_scalar("loss", "quiet", 0.5)
    monkeypatch.setattr(reporter, "_append", report_meanwhile)
    for _ in range(60):
        task_logger.report_scalar("loss", "busy", 0.5)
        task_logger.report_scalar("loss", "quiet", 0.5)
    reporter.flush()
    monkeypatch.undo()
    assert written(tmp_path)["quiet"] == list(range(61))


def test_a_full_column_is_written_by_the_code_that_reports(
    reporter: Reporter, task_logger: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsewhere.report.reporter._GATHER_S", 3600)  # the thread never comes to it
    monkeypatch.setattr("elsewhere.report.scalars_aspect._FULL_BYTES", 100 * POINT.size)
    task_logger.report_scalar("loss", "train", 0.5)
    wait_until(lambda: reporter.columns.is_awake)
    for _ in range(250):
        task_logger.report_scalar("loss", "train", 0.5)
    assert len(written(tmp_path)["train"]) == 202
    assert reporter.columns.count == 49


def test_what_could_not_be_written_is_put_back_in_its_place(
    reporter: Reporter, task_logger: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsewhere.report.reporter._GATHER_S", 3600)
    monkeypatch.setattr("elsewhere.report.reporter._BLOCK", 10)

    def interrupt(*_: object) -> None:
        task_logger.report_scalar("loss", "train", 0.5)
        raise KeyboardInterrupt

    for _ in range(25):
        task_logger.report_scalar("loss", "train", 0.5)
    with monkeypatch.context() as patched:
        patched.setattr(reporter, "_append", interrupt)
        with pytest.raises(KeyboardInterrupt):
            reporter.flush()
    reporter.flush()
    assert written(tmp_path)["train"] == list(range(26))


def test_a_disk_that_stays_full_costs_the_oldest_points_also_while_no_column_is_full(
    reporter: Reporter, task_logger: Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsewhere.report.reporter._MOST_POINTS", 100)
    monkeypatch.setattr("elsewhere.report.reporter._RETRY_S", 0.01)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(reporter, "_append", refuse)
        for _ in range(500):
            task_logger.report_scalar("loss", "train", 0.5)
        wait_until(lambda: reporter.columns.count <= 100)
    assert reporter.columns.count > 25


def test_half_of_what_waits_is_dropped_the_oldest_first() -> None:
    columns = Columns(wake=lambda: None)
    for series, count in (("a", 10), ("b", 1)):
        columns["loss", series].points += b"".join(POINT.pack(n, 0.0, 0.5) for n in range(count))
    assert columns.drop_oldest(11) == 0
    assert columns.drop_oldest(10) == 5
    left = {
        one.series: [at for at, *_ in POINT.iter_unpack(one.points)] for one in columns.values()
    }
    assert left == {"a": [5, 6, 7, 8, 9], "b": [0]}


def test_secrets_in_names_are_hidden(
    task_logger: Logger, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "swordfish-1234")
    task_logger.report_scalar("loss", "of swordfish-1234", 0.5, 1)
    task_logger.report_scalar("loss", "of swordfish-1234", 0.5, 2)
    reporter.flush()
    assert written(tmp_path) == {"of ***": [1, 2]}
