"""Bytes in Redis that nobody of ours has written are refused, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from elsewhere.store.queues import DEFAULT_QUEUE, Queues
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import PATIENCE_S, Machine, send
from tests.waiting import wait_until


def of_another_type(store: RedisStore, key: str) -> None:
    store.redis.delete(key)
    store.redis.set(key, b"\xff")


DAMAGES: dict[str, Callable[[RedisStore, keys.TaskKeys], object]] = {
    "an attempt that is no number": lambda store, task: store.redis.hset(
        task.state, "attempt", b"\xff"
    ),
    "a newer status": lambda store, task: store.redis.hset(task.state, "status", "paused"),
    "a state of another type": lambda store, task: of_another_type(store, task.state),
    "attempts of another type": lambda store, task: of_another_type(store, task.attempts),
    "a record of another type": lambda store, task: of_another_type(store, task.record),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_task_holds_up_no_other(
    machine: Machine,
    store: RedisStore,
    tmp_path: Path,
    damage: Callable[[RedisStore, keys.TaskKeys], object],
) -> None:
    bad, good, later = (send(store, tmp_path, "counting.py", "0") for _ in range(3))
    damage(store, keys.TaskKeys(bad.id))
    for task in (good, later):
        task.let_go()
    agent = machine.start()
    for task in (good, later):
        task.assert_completed(machine)
    assert bad.starts == []
    assert not store.redis.exists(keys.taken("ada"))
    wait_until(
        lambda: bad.id in agent.log.read_text(), within_s=PATIENCE_S, what="the task is named"
    )
    assert "begins anew" not in agent.log.read_text()
    assert "Traceback" not in agent.log.read_text()


def test_bytes_that_are_no_text_wake_like_others(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    agent = machine.start_registered(store)
    for channel in (keys.WAKE, keys.agent("ada")):
        wait_until(
            partial(store.redis.publish, channel, b"\xff\xfe"),
            within_s=PATIENCE_S,
            what="it listens",
        )
    task = send(store, tmp_path, "counting.py", "0")
    task.let_go()
    task.assert_completed(machine)
    assert store.redis.pubsub_numsub(keys.WAKE) == [(keys.WAKE.encode(), 1)], "it still listens"
    assert "Traceback" not in agent.log.read_text()


def test_a_damaged_lease_and_queue_keep_the_agent_from_nothing(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    for index in (keys.LEASES, keys.QUEUED):
        store.redis.zadd(index, {b"\xff": 1.0, "f" * 32: 1.0})
    of_another_type(store, keys.TaskKeys("f" * 32).state)
    store.redis.sadd(keys.QUEUES, b"\xff")
    store.redis.rpush(keys.rq_queue(DEFAULT_QUEUE), b"\xff")
    store.redis.rpush(keys.taken("ada"), "f" * 32)
    agent = machine.start()
    task = send(store, tmp_path, "counting.py", "0")
    task.let_go()
    task.assert_completed(machine)
    lost = send(store, tmp_path, "counting.py", "0")
    lost.let_go()
    store.redis.lrem(keys.rq_queue(DEFAULT_QUEUE), 0, lost.id)
    lost.wait_until_ended()
    assert "\ufffd" in Queues(store).names()
    assert "Traceback" not in agent.log.read_text()
