"""What tests of the store share: an open store, and records that are short to write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from elsewhere.core.choices import Status
from elsewhere.core.events import Machine
from elsewhere.core.records import TaskRecord
from elsewhere.store import connect_store, filters
from elsewhere.store.api import Claim, SharedStore, TaskStore
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.states import sources


def find(store: SharedStore, task_filter: object = None, **arguments: Any) -> list[str]:
    """The ids that `filters.parse` of these arguments asks for."""
    return list(store.search(filters.parse(task_filter, **arguments)))


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


def make_machine(**fields: Any) -> Machine:
    """What a task reports of its machine."""
    given = {
        "hostname": "box",
        "platform": "Linux-1-x86_64",
        "os": "Debian",
        "processor": "fast",
        "cpu_cores": 4,
        "memory_gb": 8.0,
        "disk_gb": 100.0,
        "python_version": "3.12.1",
        "python_exec": "/bin/python",
        **fields,
    }
    return Machine(**given)


def brought_to(store: TaskStore, status: Status) -> str:
    """The id of a task with that status."""
    record = make_record()
    store.create(record)
    if status is not Status.CREATED:
        store.move(record.id, status, allowed=(Status.CREATED,))
    return record.id


def begin(store: TaskStore, *, worker: str = "box", lease_s: float = 60.0, **fields: Any) -> str:
    """The id of a task whose first attempt has just begun."""
    record = make_record(**fields)
    store.create(record)
    claim = store.claim(
        record.id, worker=worker, token="t1", lease_s=lease_s, allowed=(Status.CREATED,)
    )
    assert claim.attempt == 1
    return record.id


def enqueue(store: TaskStore, task_id: str) -> None:
    """What `queues` does, without RQ; a store without queues just sets the status."""
    allowed = sources(Status.QUEUED)
    if isinstance(store, RedisStore):
        store.enqueue(task_id, "default", lambda _: None, allowed=allowed)
    else:
        store.move(task_id, Status.QUEUED, allowed=allowed)


def waiting(store: TaskStore, **fields: Any) -> str:
    """The id of a task in a queue."""
    record = make_record(**fields)
    store.create(record)
    enqueue(store, record.id)
    return record.id


def claim(store: TaskStore, task_id: str, token: str = "t", lease_s: float = 60.0) -> Claim:
    return store.claim(
        task_id, worker="box", token=token, lease_s=lease_s, allowed=(Status.QUEUED,)
    )


def running(store: TaskStore, lease_s: float = 60.0, **fields: Any) -> str:
    """Like `begin`, but from a queue: only such a task may be put back into it."""
    task_id = waiting(store, **fields)
    assert claim(store, task_id, lease_s=lease_s).attempt == 1
    return task_id
