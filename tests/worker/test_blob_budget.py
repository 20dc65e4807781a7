"""Code that takes more of Redis than it may lies in storage, and is there all the same."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import fsspec
import pytest

from elsewhere.artifacts.blobs import move_blob, read_blob
from elsewhere.core.choices import Status
from elsewhere.core.errors import NotFoundError, RecordError, StorageError
from elsewhere.core.folders import Home
from elsewhere.core.records import Source
from elsewhere.storage.object_stores import RemoteStorage
from elsewhere.storage.schemes import STORAGES
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from elsewhere_sandbox.spec import RunPolicy
from elsewhere_worker.blob_budget import BlobBudget
from elsewhere_worker.settings import WorkerSettings
from tests.stores import make_record, opened

DATA: Final = {hashlib.sha256(one).hexdigest(): one for one in (b"1" * 99, b"2" * 99, b"3" * 99)}
FIRST, SECOND, THIRD = DATA
PLACE: Final = "memory://place"


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisStore]:
    monkeypatch.setitem(STORAGES, "memory", lambda: RemoteStorage("memory"))
    with opened(redis_url) as store:
        store.name_blobs()
        yield store
    fsspec.filesystem("memory").store.clear()


def made(store: RedisStore, digest: str, status: Status) -> str:
    store.put_blob(digest, DATA[digest])
    record = make_record(source=Source(patch=digest))
    store.create(record)
    if status is not Status.CREATED:
        store.move(record.id, status, allowed=(Status.CREATED,))
    return record.id


def in_redis(store: RedisStore) -> set[str]:
    return {digest for digest in DATA if store.redis.exists(keys.blob(digest))}


def in_storage() -> set[str]:
    return {path.rpartition("/")[2] for path in fsspec.filesystem("memory").find("place")}


def keep(store: RedisStore, home: Path, limit_bytes: int, place: str = PLACE) -> None:
    settings = WorkerSettings(
        name="box",
        queues=("default",),
        home=Home(home),
        url="",
        code_memory_bytes=limit_bytes,
        policy=RunPolicy(output_uri=place),
    )
    BlobBudget(store, settings, threading.Event()).keep()


def test_what_ended_first_is_moved_until_the_rest_is_within_the_limit(
    store: RedisStore, elsewhere_home: Path
) -> None:
    for digest in DATA:
        made(store, digest, Status.COMPLETED)
    sizes = store.blob_sizes()
    assert set(sizes) == set(DATA)
    keep(store, elsewhere_home, sum(sizes.values()))
    assert in_storage() == set()
    keep(store, elsewhere_home, sizes[THIRD])
    assert (in_redis(store), in_storage()) == ({THIRD}, {FIRST, SECOND})
    assert {digest: read_blob(store, digest) for digest in DATA} == DATA
    assert all(map(store.has_blob, DATA))
    assert set(store.blob_sizes()) == {THIRD}
    assert not store.redis.exists(keys.BLOBS_MOVING)


def test_what_waits_or_runs_stays_where_it_is(store: RedisStore, elsewhere_home: Path) -> None:
    statuses = (Status.CREATED, Status.QUEUED, Status.IN_PROGRESS)
    for digest, status in zip(DATA, statuses, strict=True):
        made(store, digest, status)
    keep(store, elsewhere_home, 0)
    assert (in_redis(store), in_storage()) == (set(DATA), set())


def test_where_no_place_is_shared_nothing_is_moved_and_one_line_says_so(
    store: RedisStore, elsewhere_home: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    made(store, FIRST, Status.COMPLETED)
    keep(store, elsewhere_home, 0, tmp_path.as_uri())
    assert in_redis(store) == {FIRST}
    (line,) = caplog.messages
    assert "set output_uri to a URL that every machine reads" in line
    assert list(tmp_path.iterdir()) == []


def test_one_agent_moves_at_a_time(store: RedisStore, elsewhere_home: Path) -> None:
    made(store, FIRST, Status.COMPLETED)
    with store.moving_blobs() as is_mine:
        assert is_mine
        keep(store, elsewhere_home, 0)
        assert in_storage() == set()
    keep(store, elsewhere_home, 0)
    assert in_storage() == {FIRST}


def test_moved_bytes_go_a_day_after_the_last_task_that_names_them(
    store: RedisStore, elsewhere_home: Path
) -> None:
    task_id = made(store, FIRST, Status.COMPLETED)
    keep(store, elsewhere_home, 0)
    store.delete(task_id)
    keep(store, elsewhere_home, 0)
    again = made(store, FIRST, Status.COMPLETED)  # nothing is sent: it is there
    assert (in_redis(store), in_storage()) == (set(), {FIRST})
    assert read_blob(store, FIRST) == DATA[FIRST]
    store.redis.zadd(keys.BLOBS_LEFT, {FIRST: 1})  # as an older look would have found it
    keep(store, elsewhere_home, 0)
    assert in_storage() == {FIRST}, "a task names it"
    store.delete(again)
    store.redis.zadd(keys.BLOBS_LEFT, {FIRST: 1})
    keep(store, elsewhere_home, 0)
    assert in_storage() == set()
    assert not store.has_blob(FIRST)
    assert not store.redis.exists(keys.BLOBS_LEFT, keys.BLOB_URLS)


def test_a_blob_whose_last_task_goes_while_it_is_moved_leaves_nothing(store: RedisStore) -> None:
    task_id = made(store, FIRST, Status.COMPLETED)

    class Deleting(RedisStore):
        def has_moved(self, digest: str, url: str) -> bool:
            self.delete(task_id)
            return super().has_moved(digest, url)

    assert not move_blob(Deleting(store.redis), FIRST, PLACE)
    assert in_storage() == set()
    assert store.get_blob(FIRST) == DATA[FIRST]


def test_damaged_bytes_are_neither_moved_nor_read(store: RedisStore, elsewhere_home: Path) -> None:
    made(store, FIRST, Status.COMPLETED)
    store.redis.set(keys.blob(FIRST), b"x")
    with pytest.raises(RecordError):
        move_blob(store, FIRST, PLACE)
    assert (in_redis(store), in_storage()) == ({FIRST}, set())
    made(store, SECOND, Status.COMPLETED)
    assert move_blob(store, SECOND, PLACE)
    memory = fsspec.filesystem("memory")
    (path,) = memory.find("place")
    memory.pipe_file(path, b"x")
    with pytest.raises(RecordError):
        read_blob(store, SECOND)
    memory.rm(path)
    with pytest.raises(StorageError):
        read_blob(store, SECOND)
    with pytest.raises(NotFoundError):
        read_blob(store, THIRD)


def test_no_file_of_this_machine_is_read_as_a_blob(store: RedisStore, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    for url in (str(file), file.as_uri()):
        store.redis.hset(keys.BLOB_URLS, FIRST, url)
        with pytest.raises(RecordError, match="cannot be read from"):
            read_blob(store, FIRST)
