"""Sessions: the reports of a script arrive, while it runs, at its end, or after it was killed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.core.events import Event, Text
from elsewhere.core.folders import Home, RunFolder, write_beside
from elsewhere.core.journal import JournalWriter
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import Outcome
from elsewhere.core.uploads import Placed, Upload
from elsewhere.delivery.sessions import Session, deliver_dead
from elsewhere.store.redis.store import RedisStore
from tests.redis_server import RedisServer
from tests.stores import begin, opened
from tests.waiting import wait_until

COMPLETED = Outcome(reason=Reason.COMPLETED, exit_code=0)
WORKER = "laptop:1"


@pytest.fixture
def home(elsewhere_home: Path) -> Home:
    return Home(elsewhere_home)


def upload(folder: RunFolder, upload: Upload) -> Placed:
    return Placed(url=f"memory://{upload.file.name}")


def make_folder(store: RedisStore, home: Home, owner: ProcessIdentity | None = None) -> RunFolder:
    task_id = begin(store, worker=WORKER)
    folder = home.session(task_id, 1).create()
    spec = {"record": to_plain(store.read(task_id)), "store": store.identity()}
    write_beside(folder.spec, spec)
    write_beside(folder.runner, owner or ProcessIdentity.of())
    return folder


def dead() -> ProcessIdentity:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        return ProcessIdentity.of(process.pid)


def report(folder: RunFolder, message: str) -> None:
    events: list[Event] = [Text(message=message, level=20, at=0.0)]
    writer = JournalWriter(folder.journal)
    writer.append(events)
    writer.close()
    with folder.output.open("a") as file:
        file.write(message)


def delivered(store: RedisStore, folder: RunFolder) -> tuple[list[str], bytes]:
    texts = sorted(text.message for text in store.texts(folder.task_id))
    return texts, store.output(folder.task_id).data


class Running:
    """A session that has begun, and the reasons for which it was stopped."""

    def __init__(self, store: RedisStore, folder: RunFolder, lease_s: float = 60.0) -> None:
        self.reasons: list[str] = []
        self.session = Session(
            store,
            folder,
            worker=WORKER,
            lease_s=lease_s,
            upload=upload,
            when_stopped=self.reasons.append,
        )
        self.session.start()


def test_reports_arrive_while_the_script_runs_and_the_rest_at_its_end(
    store: RedisStore, home: Home
) -> None:
    folder = make_folder(store, home)
    session = Running(store, folder).session
    report(folder, "one\n")
    wait_until(lambda: delivered(store, folder) == (["one\n"], b"one\n"))
    report(folder, "two")
    assert session.drain(5)
    assert delivered(store, folder) == (["one\n", "two"], b"one\n"), "a line may still go on"
    report(folder, " and three")
    assert session.finish(COMPLETED, 5)
    assert delivered(store, folder) == ([" and three", "one\n", "two"], b"one\ntwo and three")
    assert store.state(folder.task_id).outcome == COMPLETED
    assert not folder.path.exists()
    assert not session.is_alive()


def test_the_lease_is_kept_and_a_stop_is_noticed_once(store: RedisStore, home: Home) -> None:
    folder = make_folder(store, home)
    running = Running(store, folder, lease_s=0.9)
    before = store.state(folder.task_id).lease_until
    wait_until(lambda: store.state(folder.task_id).lease_until != before)
    store.request_stop(folder.task_id)
    wait_until(lambda: running.reasons)
    after = store.state(folder.task_id).lease_until
    wait_until(lambda: store.state(folder.task_id).lease_until > after)
    assert running.reasons == ["a stop was requested"]
    assert running.session.finish(COMPLETED, 5)


@pytest.mark.parametrize("what", ["marked", "deleted"])
def test_a_script_whose_task_is_not_its_own_any_more_is_stopped(
    store: RedisStore, home: Home, what: str
) -> None:
    folder = make_folder(store, home)
    running = Running(store, folder, lease_s=0.9)
    store.move(folder.task_id, Status.STOPPED, allowed=(Status.IN_PROGRESS,))
    if what == "deleted":
        store.delete(folder.task_id)
    if what == "marked":
        wait_until(lambda: running.reasons)
        assert running.reasons == ["the task is stopped now"]
    report(folder, "late\n")
    assert running.session.drain(5) == (what == "marked")
    assert running.session.finish(COMPLETED, 5)
    assert not folder.path.exists()
    if what == "marked":
        assert store.state(folder.task_id).status is Status.STOPPED
    else:
        assert running.reasons == [], "that is no reason to end a script"
        assert store.redis.exists(f"ew:task:{folder.task_id}:texts") == 0


def test_a_store_that_lost_its_data_ends_no_script_and_costs_no_word(
    store: RedisStore, home: Home
) -> None:
    folder = make_folder(store, home)
    running = Running(store, folder, lease_s=0.9)
    store.redis.flushdb()
    report(folder, "late\n")
    assert not running.session.drain(2)
    assert not running.session.finish(COMPLETED, 2)
    assert running.reasons == []
    assert folder.output.read_text() == "late\n"


def test_without_the_store_the_folder_stays_and_the_next_one_delivers_it(
    home: Home, short_path: Path
) -> None:
    with RedisServer(short_path, append_only=True) as server, opened(server.url) as store:
        folder = make_folder(store, home, dead())
        session = Running(store, folder).session
        server.kill()
        report(folder, "kept\n")
        assert not session.drain(0)
        write_beside(folder.exit, COMPLETED)
        assert not session.finish(COMPLETED, 3)
        with pytest.raises(StoreUnavailableError):
            deliver_dead(store, home, upload)
        assert folder.exit.exists()
        server.start()
        assert deliver_dead(store, home, upload) == [folder.task_id]
        assert delivered(store, folder) == (["kept\n"], b"kept\n")
        assert store.state(folder.task_id).outcome == COMPLETED


def test_a_store_that_comes_back_gets_everything_from_the_same_session(
    home: Home, short_path: Path
) -> None:
    with RedisServer(short_path, append_only=True) as server, opened(server.url) as store:
        folder = make_folder(store, home)
        session = Running(store, folder).session
        report(folder, "before\n")
        assert session.drain(5)
        server.kill()
        report(folder, "while it was away\n")
        server.start()
        assert session.finish(COMPLETED, 10)
        assert delivered(store, folder)[1] == b"before\nwhile it was away\n"


@pytest.mark.parametrize(
    "written",
    [None, COMPLETED, Outcome(reason=Reason.PROGRAM_FAILED, exit_code=3)],
    ids=["killed", "completed", "failed"],
)
def test_who_comes_next_ends_what_a_script_left(
    store: RedisStore, home: Home, written: Outcome | None
) -> None:
    folder = make_folder(store, home, dead())
    report(folder, "left behind")
    if written is not None:
        write_beside(folder.exit, written)
    assert deliver_dead(store, home, upload) == [folder.task_id]
    assert delivered(store, folder) == (["left behind"], b"left behind")
    outcome = store.state(folder.task_id).outcome
    assert outcome is not None
    assert outcome.reason is (written.reason if written else Reason.LOST)
    assert not folder.path.exists()
    assert deliver_dead(store, home, upload) == []


def test_what_is_alive_elsewhere_or_of_another_store_is_left_alone(
    store: RedisStore, home: Home
) -> None:
    alive = make_folder(store, home)
    elsewhere = make_folder(store, home, replace(dead(), machine="another"))
    foreign = make_folder(store, home, dead())
    write_beside(foreign.spec, {"record": {}, "store": "another"})
    unfinished = home.session("0" * 32, 1).create()
    assert deliver_dead(store, home, upload) == []
    assert all(one.path.exists() for one in (alive, elsewhere, foreign, unfinished))


def test_what_belongs_to_a_deleted_task_is_cleared_away(store: RedisStore, home: Home) -> None:
    folder = make_folder(store, home, dead())
    store.finish(folder.task_id, 1, COMPLETED)
    store.delete(folder.task_id)
    report(folder, "late\n")
    deliver_dead(store, home, upload)
    assert not folder.path.exists()
    assert store.redis.keys("ew:task:*") == []


def test_two_that_come_at_once_do_not_deliver_the_same_folder(
    store: RedisStore, home: Home
) -> None:
    folder = make_folder(store, home, dead())
    report(folder, "once\n")
    hold = (
        "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX);"
        " print(); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-uc", hold, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert deliver_dead(store, home, upload) == []
        other.communicate(b"\n")
    assert deliver_dead(store, home, upload) == [folder.task_id]


def test_a_damaged_folder_does_not_keep_the_others_from_being_delivered(
    store: RedisStore, home: Home
) -> None:
    folders = [make_folder(store, home, dead()) for _ in range(3)]
    folders.sort(key=lambda folder: folder.path)
    folders[0].exit.write_text("{")
    folders[1].runner.write_text("[]")
    assert folders[2].task_id in deliver_dead(store, home, upload)
