"""What tests of the store share: an open store, and records that are short to write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from elsewhere.records import Status, TaskRecord
from elsewhere.store import connect_store
from elsewhere.store.api import Claim
from elsewhere.store.redis import RedisStore
from elsewhere.store.states import sources

__all__ = ["begin", "claim", "enqueue", "make_record", "opened", "running", "waiting"]


@contextmanager
def opened(url: str) -> Iterator[RedisStore]:
    store = connect_store(url)
    try:
        yield store
    finally:
        store.close()


def make_record(**fields: Any) -> TaskRecord:
    """A task of the project `examples` with an id of its own."""
    given = {"id": os.urandom(16).hex(), "name": "train", "project": "examples", **fields}
    return TaskRecord(**given)


def begin(store: RedisStore, *, worker: str = "box", lease_s: float = 60.0, **fields: Any) -> str:
    """The id of a task whose first attempt has just begun."""
    record = make_record(**fields)
    store.create(record)
    claim = store.claim(
        record.id, worker=worker, token="t1", lease_s=lease_s, allowed=(Status.CREATED,)
    )
    assert claim.attempt == 1
    return record.id


def enqueue(store: RedisStore, task_id: str) -> None:
    """What `queues` does, without RQ."""
    store.enqueue(task_id, "default", lambda _: None, allowed=sources(Status.QUEUED))


def waiting(store: RedisStore, **fields: Any) -> str:
    """The id of a task in a queue."""
    record = make_record(**fields)
    store.create(record)
    enqueue(store, record.id)
    return record.id


def claim(store: RedisStore, task_id: str, token: str = "t", lease_s: float = 60.0) -> Claim:
    return store.claim(
        task_id, worker="box", token=token, lease_s=lease_s, allowed=(Status.QUEUED,)
    )


def running(store: RedisStore, lease_s: float = 60.0, **fields: Any) -> str:
    """Like `begin`, but from a queue: only such a task may be put back into it."""
    task_id = waiting(store, **fields)
    assert claim(store, task_id, lease_s=lease_s).attempt == 1
    return task_id
