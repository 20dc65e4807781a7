"""A queue's entry is a hint: doubled, lost or stale, the task runs once, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere.core.choices import Status
from elsewhere.store.queues import DEFAULT_QUEUE, Queues
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import PATIENCE_S, Machine, send
from tests.waiting import wait_until

_ENTRIES = f"rq:queue:{DEFAULT_QUEUE}"


@pytest.mark.row(14)
def test_a_task_that_lies_in_the_queue_fifty_times_runs_once(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0")
    queues = Queues(store)
    for _ in range(49):
        queues.push_again(task.id)
    assert queues.length(DEFAULT_QUEUE) == 50
    machine.start("ada", slots=4)
    machine.start("bob", slots=4)
    task.wait_until_printing()
    wait_until(lambda: queues.length(DEFAULT_QUEUE) == 0, within_s=PATIENCE_S, what="all are taken")
    task.let_go()
    task.assert_completed(machine)
    assert len(store.attempts(task.id)) == 1
    assert not store.redis.exists(keys.taken("ada"), keys.taken("bob"), f"rq:job:{task.id}")


@pytest.mark.row(15)
@pytest.mark.parametrize("lost", ["entry", "job", "both"])
def test_a_task_whose_entry_was_lost_runs(
    machine: Machine, store: RedisStore, tmp_path: Path, lost: str
) -> None:
    busy = send(store, tmp_path, "counting.py", "0")
    machine.start()
    busy.wait_until_printing()
    tasks = [send(store, tmp_path, "counting.py", "0") for _ in range(3)]
    victim = tasks[1]
    if lost != "job":
        assert store.redis.lrem(_ENTRIES, 0, victim.id) == 1
    if lost != "entry":
        assert store.redis.delete(f"rq:job:{victim.id}") == 1
    busy.let_go()
    for task in tasks:
        task.let_go()
    for task in (busy, *tasks):
        task.assert_completed(machine)


@pytest.mark.row(28)
def test_a_queued_task_that_is_stopped_never_starts(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    stopped, next_one = (send(store, tmp_path, "counting.py", "0") for _ in range(2))
    store.request_stop(stopped.id, message="Not needed any more.")
    assert stopped.state.status is Status.STOPPED
    next_one.let_go()
    machine.start()
    next_one.assert_completed(machine)
    assert stopped.starts == []
    assert stopped.state.status is Status.STOPPED
    assert stopped.state.message == "Not needed any more."
    assert store.attempts(stopped.id) == []
    assert not store.redis.exists(_ENTRIES, keys.taken("ada"))
