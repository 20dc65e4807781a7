"""What a folder must keep when it is the store: many processes, kills, damage, full disks."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.errors import RecordError, StoreUnavailableError, UsageError
from elsewhere.core.events import Scalar, Text
from elsewhere.core.records import Outcome
from elsewhere.store.folder import disk
from elsewhere.store.folder.store import FolderStore
from elsewhere.store.queues import Queues
from tests.stores import begin, make_record
from tests.waiting import wait_until

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "session"


def point(iteration: int) -> Scalar:
    return Scalar(title="loss", series="train", value=float(iteration), iteration=iteration, at=0.0)


def report(root: Path, task_id: str, name: str, count: int) -> None:
    store = FolderStore(root)
    for n in range(count):
        store.apply(task_id, 1, name, n, n + 1, [point(n)])


def test_processes_that_report_at_once_lose_nothing(root: Path) -> None:
    store = FolderStore(root)
    task_id = begin(store)
    workers = [FORK.Process(target=report, args=(root, task_id, f"{n}", 50)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    (summary,) = store.series(task_id)
    assert (summary.count, summary.iteration) == (200, 49)
    values = sorted(value for _, _, value in store.points(task_id, "loss", "train"))
    assert values == sorted(float(n) for n in range(50) for _ in range(4))


def test_a_process_that_is_killed_while_it_reports_leaves_all_or_nothing_of_a_piece(
    root: Path,
) -> None:
    store = FolderStore(root)
    task_id = begin(store)
    for turn in range(5):
        worker = FORK.Process(target=report, args=(root, task_id, f"{turn}", 100_000))
        worker.start()
        name = f"{turn}"
        wait_until(lambda name=name: store.journal_offset(task_id, 1, name) > 3)  # type: ignore[misc]
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join(60)
        taken = sum(store.journal_offset(task_id, 1, f"{n}") for n in range(turn + 1))
        assert store.series(task_id)[0].count == taken
        assert len(store.points(task_id, "loss", "train")) == taken


def test_what_a_killed_process_left_behind_the_last_point_is_written_over(root: Path) -> None:
    store = FolderStore(root)
    task_id = begin(store)
    store.apply(task_id, 1, "f", 0, 1, [point(1)])
    store.append_output(task_id, 1, 0, 4, b"one\n", "")
    for path in ("points.0", "output.1.0"):
        with (root / "tasks" / task_id / path).open("ab") as file:
            file.write(b"x" * 30)
    assert [n for n, _, _ in store.points(task_id, "loss", "train")] == [1]
    assert store.output(task_id).data == b"one\n"
    store.apply(task_id, 1, "f", 1, 2, [point(2)])
    store.append_output(task_id, 1, 4, 8, b"two\n", "")
    assert [n for n, _, _ in store.points(task_id, "loss", "train")] == [1, 2]
    assert store.output(task_id).data == b"one\ntwo\n"


def test_a_child_that_was_forked_in_the_middle_of_an_operation_holds_nobody_up(root: Path) -> None:
    inside = disk.Disk(root)
    with inside.locked():
        child = os.fork()
        if not child:  # it has the open lock file, and lives on
            signal.pause()
            os._exit(0)
    try:
        FolderStore(root).create(make_record())
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_folder_that_another_process_holds_is_given_up_with_a_sentence(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_LOCK_S", 0.05)
    with disk.Disk(root).locked(), pytest.raises(StoreUnavailableError, match="another process"):
        FolderStore(root).identity()


def test_a_folder_that_cannot_be_used_is_a_store_that_cannot(root: Path) -> None:
    root.write_text("a file")
    with pytest.raises(StoreUnavailableError, match="session"):
        FolderStore(root).identity()


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"state": []}', "[" * 100_000])
def test_a_damaged_file_is_a_record_error(root: Path, damage: str) -> None:
    store = FolderStore(root)
    task_id = begin(store)
    (root / "tasks" / task_id / "task.json").write_text(damage)
    with pytest.raises(RecordError, match=r"damaged"):
        store.read(task_id)


@pytest.mark.parametrize("task_id", ["", ".", "..", "../up", "a/b", "\0", "x" * 65])
def test_an_id_that_is_no_name_of_a_folder_is_never_one(root: Path, task_id: str) -> None:
    store = FolderStore(root)
    with pytest.raises(UsageError, match="id"):
        store.create(make_record(id=task_id))
    with pytest.raises(LookupError):
        store.get_blob(task_id)


def test_everything_in_it_is_json_or_bytes_that_json_describes(root: Path) -> None:
    store = FolderStore(root)
    task_id = begin(store)
    store.apply(task_id, 1, "f", 0, 1, [point(1), Text(message="é \udcff", level=1, at=0.0)])
    store.append_output(task_id, 1, 0, 4, b"one\n", "")
    store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED, message="\udcff"))
    folder = root / "tasks" / task_id
    task = json.loads((folder / "task.json").read_bytes())
    assert task["scalars"]["loss\x1ftrain"]["count"] == 1
    assert (folder / "points.0").stat().st_size == 24
    assert {path.name for path in folder.iterdir()} == {"task.json", "points.0", "output.1.0"}
    assert FolderStore(root).texts(task_id)[0].message == "é \udcff"


def test_there_are_no_queues_in_it(root: Path) -> None:
    with pytest.raises(UsageError, match="import the session"):
        Queues(FolderStore(root))
