"""A store that was restored with older data has all that lies in a run folder again."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere.artifacts import uploader
from elsewhere.core.choices import Reason, Status
from elsewhere.core.codec import to_plain
from elsewhere.core.events import ArtifactAdded, Event, Text
from elsewhere.core.folders import Home, RunFolder, write_beside
from elsewhere.core.journal import JournalWriter
from elsewhere.core.records import Artifact, Outcome
from elsewhere.delivery.delivery import Delivery
from elsewhere.delivery.restored import take_back
from elsewhere.storage import local_path
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from tests.stores import begin

DONE = Outcome(reason=Reason.COMPLETED, exit_code=0)


@pytest.fixture
def folder(store: RedisStore, elsewhere_home: Path) -> RunFolder:
    task_id = begin(store, name="train it")
    folder = Home(elsewhere_home).run(task_id, 1).create()
    plain = {"record": to_plain(store.read(task_id)), "store": store.identity()}
    write_beside(folder.spec, plain)
    return folder


def artifact(folder: RunFolder, file: str, content: bytes) -> Event:
    path = folder.files / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    made = Artifact(name="data", type="file", digest="d" * 64)
    return ArtifactAdded(artifact=made, file=f"files/{file}")


def report(folder: RunFolder, *events: Event) -> None:
    writer = JournalWriter(folder.journal)
    writer.append(events)
    writer.close()


def deliver(store: RedisStore, folder: RunFolder, place: Path) -> Delivery:
    delivery = Delivery(store, folder, uploader(str(place)))
    while delivery.pump(is_over=True):
        pass
    return delivery


def lose(store: RedisStore, task_id: str) -> None:
    """The task is as before its first attempt."""
    task = keys.TaskKeys(task_id)
    store.redis.delete(task.journal, task.output, task.attempts, task.part("artifacts"))
    store.redis.hset(task.state, mapping={"attempt": 0, "status": "created", "worker": ""})


def files(place: Path) -> list[str]:
    return sorted(path.name for path in place.rglob("*") if path.is_file())


def test_an_artifact_that_was_uploaded_before_is_named_again(
    store: RedisStore, folder: RunFolder, tmp_path: Path
) -> None:
    report(folder, artifact(folder, "1/data.bin", b"bytes"))
    deliver(store, folder, tmp_path / "place")
    before = store.artifacts(folder.task_id)["data"]
    lose(store, folder.task_id)
    assert take_back(store, folder, worker="box", lease_s=60)
    assert folder.attempt == 2
    deliver(store, folder, tmp_path / "place")
    assert store.artifacts(folder.task_id)["data"] == before
    assert local_path(before.url).read_bytes() == b"bytes"


def test_bytes_that_were_replaced_twice_are_not_deleted_on_the_way(
    store: RedisStore, folder: RunFolder, tmp_path: Path
) -> None:
    writer = JournalWriter(folder.journal)
    for number, content in enumerate((b"one", b"two", b"one again")):
        name = "b.bin" if number == 1 else "a.bin"
        writer.append([artifact(folder, f"{number}/{name}", content)])
        deliver(store, folder, tmp_path / "place")
        # Each is a piece of its own the next time as well.
        writer.append([Text(message="x" * 1_000_000, level=20, at=0.0)])
    writer.close()
    assert files(tmp_path / "place") == ["a.bin"]
    lose(store, folder.task_id)
    assert take_back(store, folder, worker="box", lease_s=60)
    deliver(store, folder, tmp_path / "place")
    url = store.artifacts(folder.task_id)["data"].url
    assert local_path(url).read_bytes() == b"one again"


def test_what_was_delivered_is_asked_for_before_the_end(
    store: RedisStore, folder: RunFolder, tmp_path: Path
) -> None:
    """The store is restored while the program reports nothing more, and nobody notices."""
    report(folder, Text(message="said once", level=20, at=0.0))
    folder.output.write_bytes(b"printed once\n")
    delivery = deliver(store, folder, tmp_path / "place")
    task = keys.TaskKeys(folder.task_id)
    store.redis.delete(task.journal, task.output, task.part("texts"), task.block(1, 0))
    assert not delivery.pump()
    while delivery.pump(is_over=True):
        pass
    store.finish(folder.task_id, folder.attempt, DONE)
    assert [one.message for one in store.texts(folder.task_id)] == ["said once"]
    assert store.output(folder.task_id).data == b"printed once\n"


def test_a_worker_that_was_killed_before_it_noted_the_number_gets_the_same(
    store: RedisStore, folder: RunFolder
) -> None:
    lose(store, folder.task_id)
    assert take_back(store, folder, worker="box", lease_s=60)
    folder.renumbered.unlink()
    assert take_back(store, folder, worker="box", lease_s=60)
    assert (folder.attempt, store.state(folder.task_id).attempt) == (2, 2)
    assert not take_back(store, folder, worker="box", lease_s=60), "nothing is lost"


@pytest.mark.parametrize("content", ["", "{", "0", "true", '"3"', "[1]"])
def test_a_number_that_a_program_writes_is_not_one(folder: RunFolder, content: str) -> None:
    folder.renumbered.write_text(content)
    assert folder.attempt == 1


def test_a_task_that_was_deleted_is_not_made_again(store: RedisStore, folder: RunFolder) -> None:
    store.move(folder.task_id, Status.STOPPED, allowed=(Status.IN_PROGRESS,))
    store.delete(folder.task_id)
    assert not take_back(store, folder, worker="box", lease_s=60)
    assert not store.redis.exists(keys.TaskKeys(folder.task_id).state)


def test_a_folder_without_its_record_is_given_up(store: RedisStore, folder: RunFolder) -> None:
    store.redis.delete(*store.redis.keys(f"*{folder.task_id}*"))
    for spec in ("{", None):
        folder.spec.unlink(missing_ok=True)
        if spec is not None:
            folder.spec.write_text(spec)
        assert not take_back(store, folder, worker="box", lease_s=60)
