"""What a delivery leaves in the storage: the bytes that records name, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elsewhere.artifacts import uploader
from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.artifacts.staging import stage
from elsewhere.core.codec import to_plain
from elsewhere.core.events import ArtifactAdded, ArtifactsRemoved, Event
from elsewhere.core.folders import Home, RunFolder, write_beside
from elsewhere.core.journal import JournalWriter
from elsewhere.core.records import Artifact
from elsewhere.delivery.delivery import Delivery
from elsewhere.storage import file_url
from elsewhere.store.redis.store import RedisStore
from tests.stores import begin


@pytest.fixture
def folder(store: RedisStore, elsewhere_home: Path) -> RunFolder:
    return Home(elsewhere_home).run(begin(store), 1).create()


class Placed:
    """One process's journal, in the order of its events; what is uploaded is in `place`."""

    def __init__(self, store: RedisStore, folder: RunFolder, place: Path) -> None:
        write_beside(folder.spec, {"record": to_plain(store.read(folder.task_id))})
        self.folder = folder
        self.place = place
        self.writer = JournalWriter(folder.journal)
        self.delivery = self.another(store)

    def another(self, store: Any) -> Delivery:
        return Delivery(store, self.folder, uploader(str(self.place)))

    def record(self, event: Event) -> None:
        self.writer.append([event])

    def keep(self, name: str, obj: object, **options: Any) -> None:
        artifact, file = stage(name, obj, self.folder.files, **options)
        assert file is not None
        inside = file.relative_to(self.folder.path).as_posix()
        self.record(ArtifactAdded(artifact=artifact, file=inside))

    def deliver(self) -> set[str]:
        """The files that there are afterwards."""
        while self.delivery.pump(is_over=True):
            pass
        return {path.name for path in self.place.rglob("*") if path.is_file()}


@pytest.fixture
def placed(store: RedisStore, folder: RunFolder, tmp_path: Path) -> Iterator[Placed]:
    placed = Placed(store, folder, tmp_path / "place")
    yield placed
    placed.writer.close()


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_an_artifact_that_is_kept_again_replaces_the_bytes_too(
    placed: Placed, store: RedisStore, is_one_batch: bool
) -> None:
    placed.keep("other", "stays")
    placed.keep("data", {"first": 1})
    if not is_one_batch:
        assert placed.deliver() == {"other.txt", "data.json"}
    placed.keep("data", {"second": 2}, extension_name="yaml")
    assert placed.deliver() == {"other.txt", "data.yaml"}
    placed.keep("data", {"third": 3}, extension_name="yaml")
    assert placed.deliver() == {"other.txt", "data.yaml"}
    assert ArtifactHandle(store.artifacts(placed.folder.task_id)["data"], placed.place).get() == {
        "third": 3
    }


def test_one_that_another_process_has_delivered_is_known(placed: Placed, store: RedisStore) -> None:
    placed.keep("data", {"first": 1})
    placed.deliver()
    placed.delivery = placed.another(store)
    placed.keep("data", "second")
    assert placed.deliver() == {"data.txt"}


def test_a_failed_upload_deletes_nothing(placed: Placed) -> None:
    placed.keep("data", {"first": 1})
    placed.deliver()
    placed.record(ArtifactAdded(artifact=Artifact(name="data", type="dict"), file="files/nowhere"))
    assert placed.deliver() == {"data.json"}


def test_removed_artifacts_take_their_bytes_along_unless_those_shall_stay(
    placed: Placed, store: RedisStore
) -> None:
    for name in ("a", "b", "c"):
        placed.keep(name, name)
    placed.record(ArtifactsRemoved(names=("a", "unknown")))
    assert placed.deliver() == {"b.txt", "c.txt"}
    placed.record(ArtifactsRemoved(names=("b",), keeps_bytes=True))
    placed.record(ArtifactsRemoved(names=("c",)))
    placed.keep("c", "again")
    assert placed.deliver() == {"b.txt", "c.txt"}
    assert list(store.artifacts(placed.folder.task_id)) == ["c"]


def test_a_program_cannot_have_files_deleted_that_were_not_uploaded(
    placed: Placed, store: RedisStore, tmp_path: Path
) -> None:
    task_id = placed.folder.task_id
    secret = tmp_path / f"x.{task_id}" / "artifacts" / "secret"
    secret.parent.mkdir(parents=True)
    secret.touch()
    claimed = Artifact(name="a", type="file", url=file_url(secret), digest="0" * 64)
    placed.record(ArtifactAdded(artifact=claimed))
    placed.deliver()
    assert store.artifacts(task_id)["a"].digest == ""
    placed.record(ArtifactsRemoved(names=("a",)))
    placed.deliver()
    assert secret.exists()


class BehindHand:
    """A store; before the first transaction somebody else delivers the same, and more."""

    def __init__(self, store: RedisStore, placed: Placed) -> None:
        self._store = store
        self._placed: Placed | None = placed

    def __getattr__(self, name: str) -> Any:
        if name == "apply" and self._placed is not None:
            placed, self._placed = self._placed, None
            placed.keep("data", "second")
            placed.deliver()
        return getattr(self._store, name)


def test_one_that_is_late_deletes_nothing_that_is_kept(placed: Placed, store: RedisStore) -> None:
    placed.keep("data", "first")
    placed.deliver()
    placed.record(ArtifactsRemoved(names=("data",)))
    late = placed.another(BehindHand(store, placed))
    while late.pump(is_over=True):
        pass
    handle = ArtifactHandle(store.artifacts(placed.folder.task_id)["data"], placed.place)
    assert handle.get() == "second"
