"""Uploads that wait: kept until they are in their place, and tried again."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from elsewhere.artifacts import uploader
from elsewhere.core.choices import Reason
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.core.events import ArtifactAdded, ModelSaved, ModelUsed
from elsewhere.core.folders import Home, RunFolder, write_beside
from elsewhere.core.journal import JournalWriter
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import Artifact, ModelUse, Outcome
from elsewhere.delivery.delivery import Delivery
from elsewhere.delivery.sessions import deliver_dead
from elsewhere.delivery.waiting import try_again, waiting_in
from elsewhere.storage import local_path
from elsewhere.store.redis.store import RedisStore
from tests.stores import begin

MODEL = "ab" * 16
DONE = Outcome(reason=Reason.COMPLETED, exit_code=0)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A file, where a folder would be needed."""
    place = tmp_path / "place"
    place.touch()
    return place


@pytest.fixture
def folder(store: RedisStore, elsewhere_home: Path) -> RunFolder:
    """Of an attempt with an artifact and a model."""
    task_id = begin(store, name="train it")
    folder = Home(elsewhere_home).session(task_id, 1).create()
    plain = {"record": to_plain(store.read(task_id)), "store": store.identity()}
    write_beside(folder.spec, plain)
    for name in ("data.bin", "net.bin"):
        (folder.files / name).write_bytes(name.encode())
    writer = JournalWriter(folder.journal)
    writer.append(
        [
            ArtifactAdded(
                artifact=Artifact(name="data", type="file", digest="d" * 64, preview="8 bytes"),
                file="files/data.bin",
            ),
            ModelSaved(model=MODEL, fields={"name": "net"}, file="files/net.bin"),
            ModelUsed(use=ModelUse(name="net", model=MODEL, is_output=True, at=1.0)),
        ]
    )
    writer.close()
    folder.output.write_bytes(b"the last line has no end")
    return folder


def deliver(store: RedisStore, folder: RunFolder, place: Path) -> None:
    delivery = Delivery(store, folder, uploader(str(place)))
    moved = True
    while moved:
        with suppress(StoreUnavailableError):  # it tries a few times
            moved = delivery.pump(is_over=True)
    store.finish(folder.task_id, 1, DONE)
    folder.acked.touch()


def test_what_could_not_be_uploaded_is_named_and_arrives_later(
    store: RedisStore, folder: RunFolder, place: Path
) -> None:
    deliver(store, folder, place)
    kinds = {(note.kind, note.name) for note in waiting_in(folder)}
    assert kinds == {("artifact", "data"), ("model", MODEL)}
    assert all("Is there room" in note.sentence for note in waiting_in(folder))
    assert "is kept in" in store.artifacts(folder.task_id)["data"].preview
    first, *ours = store.output(folder.task_id).data.decode().splitlines()
    assert first == "the last line has no end"
    assert [line.partition(":")[0] for line in ours] == [
        "[elsewhere] The artifact 'data'",
        f"[elsewhere] The model {MODEL!r}",
    ]
    store.save_model(MODEL, {"name": "renamed"})
    upload = uploader(str(place))
    assert len(try_again(store, folder, upload, older_than_s=0)) == 2
    place.unlink()
    assert len(try_again(store, folder, upload)) == 2, "it was tried just now"
    assert try_again(store, folder, upload, older_than_s=0) == []
    artifact, model = store.artifacts(folder.task_id)["data"], store.model(MODEL)
    assert local_path(artifact.url).read_bytes() == b"data.bin"
    assert (artifact.preview, artifact.digest) == ("8 bytes", "d" * 64)
    assert local_path(model.url).read_bytes() == b"net.bin"
    assert (model.name, model.preview) == ("renamed", "")
    assert list(folder.files.iterdir()) == []


@pytest.mark.parametrize("is_deleted", [False, True], ids=["replaced", "deleted"])
def test_what_nobody_wants_any_more_does_not_wait(
    store: RedisStore, folder: RunFolder, place: Path, is_deleted: bool
) -> None:
    deliver(store, folder, place)
    place.unlink()
    if is_deleted:
        store.delete(folder.task_id)
        store.delete_model(MODEL)
    else:
        other = Artifact(name="data", type="file", url="s3://bucket/other", digest="e" * 64)
        store.edit(folder.task_id, ArtifactAdded(artifact=other))
        store.save_model(MODEL, {"url": "s3://bucket/other"})
    assert try_again(store, folder, uploader(str(place)), older_than_s=0) == []
    assert not place.exists()
    if not is_deleted:
        assert store.artifacts(folder.task_id)["data"].url == "s3://bucket/other"


def test_a_damaged_note_and_one_for_another_file_do_no_harm(
    store: RedisStore, folder: RunFolder, place: Path
) -> None:
    deliver(store, folder, place)
    place.unlink()
    note, other = sorted(folder.waiting.iterdir())
    note.write_text("{")
    other.write_text(other.read_text().replace("files/", "../files/"))
    assert try_again(store, folder, uploader(str(place)), older_than_s=0) == []
    assert not place.exists()


def test_a_session_that_waits_is_removed_once_all_is_in_its_place(
    store: RedisStore, folder: RunFolder, place: Path, elsewhere_home: Path
) -> None:
    write_beside(folder.runner, ProcessIdentity(2, "long ago", "another boot", _machine()))
    deliver(store, folder, place)
    place.unlink()
    upload = uploader(str(place))
    assert deliver_dead(store, Home(elsewhere_home), upload) == []
    assert folder.path.exists(), "it was tried just now"
    for note in folder.waiting.iterdir():
        os.utime(note, (0, 0))
    assert deliver_dead(store, Home(elsewhere_home), upload) == []
    assert not folder.path.exists()
    assert store.artifacts(folder.task_id)["data"].url


def _machine() -> str:
    return ProcessIdentity.of().machine
