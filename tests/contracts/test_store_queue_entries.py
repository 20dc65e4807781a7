"""An entry of a queue goes in the very step in which its task ceases to wait."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest

from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.core.errors import TransitionError
from elsewhere.core.records import Outcome
from elsewhere.store.queues import Queues
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from tests.stores import claim, make_record

QUEUES: Final = ("high", "low")
LOST: Final = Outcome(reason=Reason.LOST)
ANY: Final = tuple(Status)

Way = Callable[[RedisStore, str], object]


def moved_to(target: Status) -> Way:
    return lambda store, task_id: store.move(task_id, target, allowed=ANY)


WAYS_OUT: Final[dict[str, Way]] = {
    **{f"moved to {target}": moved_to(target) for target in Status if target != Status.QUEUED},
    "reset": lambda store, task_id: store.reset(task_id, allowed=ANY),
    "stopped": lambda store, task_id: store.request_stop(task_id),
    "claimed": claim,
    "dequeued": lambda store, task_id: Queues(store).dequeue(task_id),
}


def queued(store: RedisStore, **fields: object) -> str:
    record = make_record(**fields)
    store.create(record)
    for name in QUEUES:
        Queues(store).create(name)
    Queues(store).enqueue(record.id, "low")
    return record.id


def left(store: RedisStore, task_id: str) -> tuple[Status, int, bool]:
    """In one step: the status, the entries in both queues, and whether RQ has a job."""
    with store.redis.pipeline() as pipe:
        pipe.hget(keys.TaskKeys(task_id).state, "status")
        for name in QUEUES:
            pipe.lrange(keys.rq_queue(name), 0, -1)
        pipe.exists(keys.rq_job(task_id))
        status, high, low, jobs = pipe.execute()
    return Status(status.decode()), (high + low).count(task_id.encode()), bool(jobs)


@pytest.mark.parametrize("way", WAYS_OUT)
def test_whoever_ends_the_waiting_leaves_no_entry_and_no_other_task_loses_its_own(
    redis_store: RedisStore, way: str
) -> None:
    task_id, other = queued(redis_store), queued(redis_store)
    Queues(redis_store).push_again(task_id)
    assert left(redis_store, task_id) == (Status.QUEUED, 2, True)
    WAYS_OUT[way](redis_store, task_id)
    status, *entry = left(redis_store, task_id)
    assert status is not Status.QUEUED
    assert entry == [0, False]
    assert redis_store.queued(older_than_s=0) == {other: "low"}
    assert left(redis_store, other) == (Status.QUEUED, 1, True)


def test_an_owner_that_takes_its_lost_task_back_takes_the_entry_out(
    redis_store: RedisStore,
) -> None:
    task_id, queues = queued(redis_store, on_lost=OnLost.ENQUEUE), Queues(redis_store)
    claim(redis_store, task_id, lease_s=0)
    assert redis_store.reap(task_id, lost_after_s=0, outcome=LOST) is Status.QUEUED
    queues.push_again(task_id)
    assert left(redis_store, task_id) == (Status.QUEUED, 1, True)
    assert redis_store.renew(task_id, 1, worker="box", lease_s=60).is_ours
    assert left(redis_store, task_id) == (Status.IN_PROGRESS, 0, False)


@pytest.mark.parametrize("way", [None, *WAYS_OUT])
def test_what_does_not_wait_gets_no_entry_again(redis_store: RedisStore, way: str | None) -> None:
    if way is None:
        task_id = "f" * 32
    else:
        task_id = queued(redis_store)
        WAYS_OUT[way](redis_store, task_id)
    Queues(redis_store).push_again(task_id)
    assert redis_store.redis.keys("rq:queue:*") + redis_store.redis.keys("rq:job:*") == []


def test_whatever_happens_at_once_no_moment_shows_an_entry_of_a_task_that_does_not_wait(
    redis_store: RedisStore,
) -> None:
    task_id, queues = queued(redis_store), Queues(redis_store)
    is_over, seen, wrong = threading.Event(), set(), []

    def enqueue(store: RedisStore, task_id: str) -> None:
        Queues(store).enqueue(task_id, random.choice(QUEUES))

    def watch() -> None:
        while not is_over.is_set():
            status, entries, has_job = left(redis_store, task_id)
            seen.add(status)
            if status is not Status.QUEUED and (entries or has_job):
                wrong.append((status, entries, has_job))

    def act(seed: int) -> None:
        steps = [*WAYS_OUT.values(), *[enqueue] * len(WAYS_OUT)]
        steps += [lambda _, task_id: queues.push_again(task_id)] * 3
        for step in random.Random(seed).choices(steps, k=150):
            with suppress(TransitionError):
                step(redis_store, task_id)

    watcher = threading.Thread(target=watch)
    actors = [threading.Thread(target=act, args=(seed,)) for seed in range(4)]
    for thread in (watcher, *actors):
        thread.start()
    for thread in actors:
        thread.join()
    is_over.set()
    watcher.join()
    assert wrong == []
    assert len(seen) > 4, "much happened meanwhile"
    redis_store.request_stop(task_id)
    assert left(redis_store, task_id)[1:] == (0, False)
