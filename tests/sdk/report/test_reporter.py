"""The reporter: nothing is lost, whichever way a process ends, and nothing is raised."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from elsewhere.core.events import ArtifactAdded, Event, Parameters, Scalar
from elsewhere.core.journal import journal_files, read_events
from elsewhere.core.records import Parameter
from elsewhere.core.scalars import POINT
from elsewhere.report.reporter import Reporter
from tests.waiting import wait_until


def point(iteration: int, series: str = "train") -> Scalar:
    return Scalar(title="loss", series=series, value=0.5, iteration=iteration, at=1.0)


def written(folder: Path, *, was_killed: bool = False) -> list[Event]:
    events = []
    for path in journal_files(folder):
        found, end = read_events(path, 0, 1 << 30)
        assert was_killed or end == path.stat().st_size, "there is a torn line"
        events += found
    return events


def iterations(folder: Path, series: str = "train", *, was_killed: bool = False) -> list[int]:
    return [
        iteration
        for event in written(folder, was_killed=was_killed)
        for column in event.points()
        if column.series == series
        for iteration, _, _ in POINT.iter_unpack(column.points)
    ]


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    reporter = Reporter(tmp_path)
    yield reporter
    reporter.close()


#: how a script reports a scalar: as an event, or as `Logger` does, into a column
WAYS = {
    "event": """
        event = Scalar(title="loss", series=series, value=0.5, iteration=iteration, at=1.0)
        reporter.record(event)
    """,
    "column": """
        sinks = {"columns": reporter.columns, "offset": Offset(), "flush": reporter.flush}
        sinks["files"] = None
        Logger(reporter.record, **sinks).report_scalar("loss", series, 0.5, iteration)
    """,
}
#: what the scripts of these tests begin with
SCRIPT = """
import itertools, logging, multiprocessing, os, resource, signal, sys, threading, time
from pathlib import Path
from elsewhere.core.events import ArtifactAdded, Scalar
from elsewhere.core.records import Artifact
from elsewhere.report import reporter as module
from elsewhere.report.logger import Logger
from elsewhere.report.offset import Offset
from elsewhere.report.reporter import Reporter

def report(series, iteration):
    WAY

def report_many(series, count):
    for iteration in range(count):
        report(series, iteration)

reporter = None

def child(series, folder):
    global reporter
    reporter = reporter or Reporter(Path(folder))  # a forked one has its parent's
    report_many(series, 200)

if __name__ == "__main__":
    reporter = Reporter(Path(sys.argv[1]))
"""


class Run(Protocol):
    def __call__(self, body: str, folder: Path, *, exit_code: int = 0) -> str:
        """Runs a script in a process of its own, since it forks, dies or spoils its limits."""


@pytest.fixture(params=WAYS)
def run(request: pytest.FixtureRequest) -> Run:
    begin = SCRIPT.replace("    WAY", textwrap.indent(textwrap.dedent(WAYS[request.param]), "    "))

    def run_script(body: str, folder: Path, *, exit_code: int = 0) -> str:
        script = folder.with_name("script.py")
        folder.mkdir(exist_ok=True)
        script.write_text(begin + textwrap.indent(textwrap.dedent(body), "    "))
        ended = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", script, folder],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == exit_code, ended.stderr
        return ended.stderr

    return run_script


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def test_what_was_recorded_is_on_disk_in_order_after_a_flush(
    reporter: Reporter, tmp_path: Path
) -> None:
    for iteration in range(2500):  # more than one chunk
        reporter.record(point(iteration))
    reporter.flush()
    assert iterations(tmp_path) == list(range(2500))


def test_the_thread_writes_without_a_flush_and_again_after_it_slept(
    reporter: Reporter, tmp_path: Path
) -> None:
    for count in range(1, 4):
        reporter.record(point(count))
        wait_until(lambda count=count: len(iterations(tmp_path)) == count)  # type: ignore[misc]


def test_a_process_that_reports_nothing_has_no_file(reporter: Reporter, tmp_path: Path) -> None:
    reporter.flush()
    reporter.close()
    assert journal_files(tmp_path) == []


def test_threads_lose_nothing(reporter: Reporter, tmp_path: Path) -> None:
    def report(series: str) -> None:
        for iteration in range(1000):
            reporter.record(point(iteration, series))

    threads = [threading.Thread(target=report, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reporter.flush()
    for number in range(4):
        assert iterations(tmp_path, str(number)) == list(range(1000))


def test_what_comes_after_the_end_is_written_at_once(reporter: Reporter, tmp_path: Path) -> None:
    reporter.record(point(1))
    reporter.close()
    assert iterations(tmp_path) == [1]
    reporter.record(point(2))
    assert sorted(iterations(tmp_path)) == [1, 2]
    reporter.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "elsewhere-reporter"]


def test_an_event_that_is_no_json_takes_no_other_with_it(
    reporter: Reporter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reporter.record(point(1))
    reporter.record(Parameters(values={"General/what": Parameter(value=object())}))  # type: ignore[arg-type]
    reporter.record(point(2))
    reporter.flush()
    assert iterations(tmp_path) == [1, 2]
    assert "General/what" in caplog.text


def test_when_too_many_wait_the_reporting_code_writes(
    reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsewhere.report.reporter._MOST_WAITING", 10)
    monkeypatch.setattr("elsewhere.report.reporter._GATHER_S", 3600)  # the thread never comes to it
    reporter.record(point(0))
    wait_until(lambda: reporter.columns.is_awake)
    for iteration in range(1, 11):
        reporter.record(point(iteration))
    assert iterations(tmp_path) == list(range(11))


def test_a_folder_that_comes_late_costs_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reporter = Reporter(folder)
    reporter.record(point(1))
    for _ in range(3):
        reporter.flush()
    folder.mkdir()
    reporter.close()
    assert iterations(folder) == [1]
    printed = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(printed) == 2
    assert f"The journal in {folder} cannot be written" in printed[0]
    assert "can be written again; 0 reports had to be dropped" in printed[1]


def test_a_normal_end_loses_nothing(run: Run, folder: Path) -> None:
    run("report_many('train', 100)", folder)
    assert iterations(folder) == list(range(100))


def test_an_exit_handler_still_reports(run: Run, folder: Path) -> None:
    # Registered before the reporter's own, so called after it.
    run(
        """
        reporter.close()
        import atexit
        atexit.register(lambda: report('train', 7))
        reporter = Reporter(Path(sys.argv[1]))
        """,
        folder,
    )
    assert iterations(folder) == [7]


def test_a_killed_process_loses_only_what_was_not_flushed(run: Run, folder: Path) -> None:
    run(
        """
        report_many('flushed', 3000)
        reporter.flush()
        report_many('late', 3000)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        folder,
        exit_code=-9,
    )
    assert iterations(folder, "flushed", was_killed=True) == list(range(3000))
    late = iterations(folder, "late", was_killed=True)
    assert late == list(range(len(late)))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_four_processes_report_at_the_same_time(run: Run, folder: Path, method: str) -> None:
    run(
        f"""
        context = multiprocessing.get_context({method!r})
        report_many("parent", 50)  # in the buffer when the children begin
        children = [context.Process(target=child, args=(str(n), sys.argv[1])) for n in range(4)]
        for one in children:
            one.start()
        report_many("parent after", 50)
        for one in children:
            one.join()
        assert [one.exitcode for one in children] == [0] * 4
        """,
        folder,
    )
    for number in range(4):
        assert iterations(folder, str(number)) == list(range(200))
    assert iterations(folder, "parent") == iterations(folder, "parent after") == list(range(50))
    assert len(journal_files(folder)) == 5


def test_workers_of_a_pool_lose_nothing_when_it_is_ended(run: Run, folder: Path) -> None:
    # The end of `with` ends the workers by SIGTERM as soon as the results are there.
    run(
        """
        with multiprocessing.get_context('fork').Pool(4) as pool:
            pool.starmap(report, [('train', iteration) for iteration in range(100)], chunksize=1)
        """,
        folder,
    )
    assert sorted(iterations(folder)) == list(range(100))


def test_a_bare_fork_that_ends_without_a_word_loses_nothing(run: Run, folder: Path) -> None:
    run(
        """
        report('parent', 1)
        if os.fork() == 0:
            report_many('child', 10)
            os._exit(0)
        os.wait()
        """,
        folder,
    )
    assert iterations(folder, "child") == list(range(10))
    assert iterations(folder, "parent") == [1]


def test_forks_in_the_middle_of_writing_neither_hang_nor_write_twice(
    run: Run, folder: Path
) -> None:
    run(
        """
        is_over = False
        def hammer():
            iteration = 0
            while not is_over:
                report('parent', iteration)
                reporter.flush()
                iteration += 1
        threads = [threading.Thread(target=hammer) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(40):
            if os.fork() == 0:
                report('child', number)
                reporter.flush()
                os._exit(0)
            assert os.wait()[1] == 0
        is_over = True
        for thread in threads:
            thread.join()
        """,
        folder,
    )
    assert sorted(iterations(folder, "child")) == list(range(40))
    parent = iterations(folder, "parent")
    assert all(parent.count(iteration) <= 2 for iteration in set(parent))


def test_a_signal_handler_reports_in_the_middle_of_reporting(run: Run, folder: Path) -> None:
    printed = run(
        """
        numbers = itertools.count()
        fired = nested = 0
        def handler(*_):  # is interrupted by the next, up to a depth that a slow machine bears, too
            global fired, nested
            nested += 1
            if nested < 20:
                signal.setitimer(signal.ITIMER_REAL, 0.0002)
            fired = next(numbers)
            report('handler', fired)
            reporter.flush()
            nested -= 1
            if nested == 0:
                signal.setitimer(signal.ITIMER_REAL, 0.001)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        iteration = 0
        while fired < 50:
            report('train', iteration)
            iteration += 1
            if iteration % 10 == 0:
                reporter.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)  # one may be on its way
        print(next(numbers), iteration, file=sys.stderr)
        """,
        folder,
    )
    fired, count = (int(number) for number in printed.split())
    assert sorted(iterations(folder, "handler")) == list(range(fired))
    assert iterations(folder) == list(range(count))


def test_a_full_disk_is_announced_once_and_nothing_is_lost(run: Run, folder: Path) -> None:
    # A limit on the file's size is a disk that is full; the library turns the signal into an error.
    printed = run(
        """
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
        report_many('train', 500)
        reporter.flush()
        report_many('later', 500)
        reporter.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        reporter.flush()
        """,
        folder,
    )
    assert printed.count("cannot be written") == 1
    assert "0 reports had to be dropped" in printed
    assert iterations(folder) == iterations(folder, "later") == list(range(500))


def test_what_a_full_disk_did_not_take_to_the_end_is_counted_once(run: Run, folder: Path) -> None:
    printed = run(
        """
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        report_many('train', 500)
        reporter.close()
        reporter.close()
        """,
        folder,
    )
    assert printed.count("500 reports are lost") == 1


def test_a_disk_that_stays_full_costs_the_oldest_points_and_no_artifact(
    run: Run, folder: Path
) -> None:
    printed = run(
        """
        module._MOST_WAITING = module._MOST_POINTS = 1000
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        report('train', 0)
        reporter.flush()  # fails: from here on the disk is known to be full
        module._RETRY_S = 3600
        reporter.flush()
        reporter.record(ArtifactAdded(artifact=Artifact(name='model', type='file')))
        for iteration in range(1, 5000):
            report('train', iteration)
            assert len(reporter._waiting) <= 1001
            if iteration % 500 == 0:
                reporter.columns.wake()
                assert reporter.columns.count <= 1001
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        reporter.flush()
        """,
        folder,
    )
    found = iterations(folder)
    assert 900 <= len(found) <= 1000
    assert found == list(range(5000 - len(found), 5000))
    assert f"{5000 - len(found)} reports had to be dropped" in printed
    assert len([one for one in written(folder) if isinstance(one, ArtifactAdded)]) == 1
