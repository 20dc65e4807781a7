"""What a query costs, and what a task takes of the server's memory, where there are 100,000."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, cast

from benchmarks.figures import Beside, Figure
from elsewhere.core.choices import Status
from elsewhere.core.codec import encode
from elsewhere.core.records import Environment, Parameter, Source, TaskRecord
from elsewhere.store import connect_store, filters
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.place import Place

_TASKS: Final = 100_000
_AT_ONCE: Final = 500
_PROJECTS: Final = 20
_QUERIES: Final = 60
_STATUSES: Final = (Status.COMPLETED, Status.FAILED, Status.STOPPED, Status.CREATED)
#: each task has 3 of them, so that the query below has about 500 results
_TAGS: Final = 12
_PACKAGES: Final = tuple(f"package-{n}=={n}.1.{n}" for n in range(40))


def measure(place: Place) -> list[Figure]:
    store = connect_store(place.url)
    try:
        before = _used_bytes(store)
        ids = _fill(store)
        taken_kb = (_used_bytes(store) - before) / _TASKS / 1e3
        query = filters.parse(
            {"status": ["completed", "failed"]},
            project_name="project 1",
            tags=["tag 0", "__$and", "tag 1", "tag 2", "-tag 3"],
        )
        found = list(store.search(query))
        queried_ms = [_ms(lambda: list(store.search(query))) for _ in range(_QUERIES)]
        sets = [keys.project("project 1"), keys.status("completed"), keys.UPDATED]
        bare_ms = [_ms(lambda: store.redis.zinter(sets)) for _ in range(_QUERIES)]
        wanted = ids[:: _TASKS // _QUERIES]
        got_ms = [_ms(partial(store.state, task_id)) for task_id in wanted]
        ping_ms = [_ms(store.redis.ping) for _ in wanted]
    finally:
        store.close()
    return [
        Figure(
            name=f"query of {_TASKS} tasks by project, tags and status",
            unit="ms",
            samples=queried_ms,
            targets={"median": 60, "p95": 150},
            beside=Beside(
                name="the server's own ZINTER of project and one status", samples=bare_ms
            ),
            note=f"{len(found)} results",
        ),
        Figure(
            name="a task by its id",
            unit="ms",
            samples=got_ms,
            targets={"p95": 3},
            beside=Beside(name="a bare round trip", samples=ping_ms),
        ),
        Figure(
            name=f"memory of each of {_TASKS} tasks",
            unit="kB",
            samples=[taken_kb],
            targets={"max": 6},
            beside=Beside(name="its record as JSON", samples=[_json_kb()]),
        ),
    ]


def _fill(store: RedisStore) -> list[str]:
    batch = _Batch(store.redis)
    batched = RedisStore(cast("Any", batch))
    records = [_record(n) for n in range(_TASKS)]
    for n, record in enumerate(records, start=1):
        batched.create(record)
        if n % _AT_ONCE == 0 or n == _TASKS:
            batch.send()
    for n, record in enumerate(records):
        if (status := _STATUSES[n // _PROJECTS % len(_STATUSES)]) is not Status.CREATED:
            store.move(record.id, status, allowed=(Status.CREATED,))
    return [record.id for record in records]


def _record(n: int) -> TaskRecord:
    """As a training of some size has it: 40 packages, 20 parameters, 3 tags."""
    chosen = random.Random(n)
    tags = [f"tag {number}" for number in range(_TAGS)]
    return TaskRecord(
        id=f"{chosen.getrandbits(128):032x}",
        name=f"training number {n}",
        project=f"project {n % _PROJECTS}",
        tags=tuple(chosen.sample(tags, 3)),
        source=Source(
            repository="https://example.org/group/repository.git",
            commit=f"{n:040x}",
            branch="main",
            tree=f"{n:040x}",
            entry_point="train.py",
            argv=("--rate", "0.1", "--epochs", "10"),
        ),
        environment=Environment(python="3.11.7", packages=_PACKAGES),
        parameters={
            f"Args/parameter_{number}": Parameter(value=chosen.random(), type="float")
            for number in range(20)
        },
    )


class _Batch:
    """A client whose pipelines are one, sent at will: the store writes as it always does."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._pipe = redis.pipeline(transaction=False)

    def time(self) -> Any:
        return self._redis.time()

    def pipeline(self) -> Self:
        return self

    def execute(self) -> None: ...

    def send(self) -> None:
        self._pipe.execute()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipe, name)


def _ms(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1e3


def _used_bytes(store: RedisStore) -> int:
    return int(store.redis.info("memory")["used_memory"])


def _json_kb() -> float:
    return len(encode(_record(0))) / 1e3
