"""An agent that was away for longer than its lease, and what it finds when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.core.folders import Home
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import Machine, send
from tests.redis_server import RedisServer
from tests.waiting import wait_until

_IMPATIENT = {"ELSEWHERE_LEASE_S": "2", "ELSEWHERE_LOST_AFTER_S": "1"}


@pytest.fixture
def machine(machine: Machine) -> Machine:
    machine.variables.update(_IMPATIENT)
    return machine


@pytest.fixture
def other(tmp_path: Path, server: RedisServer, environments: Path) -> Iterator[Machine]:
    """Another machine, whose agent finds out that the first one is gone."""
    other = Machine(Home(tmp_path / "other"), server.url, environments, _IMPATIENT)
    yield other
    other.close()


@pytest.mark.row(12)
def test_a_frozen_agent_takes_an_attempt_back_that_nobody_has_begun_again(
    machine: Machine, other: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    frozen = machine.start()
    task.wait_until_printing()
    other.start_registered(store, "bob")
    frozen.freeze()
    state = task.wait_until_ended()
    assert state.status is Status.FAILED
    assert state.outcome is not None
    assert state.outcome.reason is Reason.LOST

    frozen.thaw()
    task.wait_until_status(Status.IN_PROGRESS)
    assert task.state.outcome is None
    task.let_go()
    task.assert_completed(machine)
    task.assert_scalars()
    assert [attempt.number for attempt in store.attempts(task.id)] == [1]


@pytest.mark.row(12)
def test_a_frozen_agent_takes_a_queued_task_back_that_nobody_has_claimed(
    machine: Machine, other: Machine, store: RedisStore, tmp_path: Path
) -> None:
    busy = send(store, tmp_path, "counting.py", "0")
    other.start_registered(store, "bob")
    busy.wait_until_printing()
    task = send(store, tmp_path, "counting.py", "0", on_lost=OnLost.ENQUEUE)
    frozen = machine.start()
    task.wait_until_printing()
    frozen.freeze()
    task.wait_until_status(Status.QUEUED)

    frozen.thaw()
    task.wait_until_status(Status.IN_PROGRESS)
    busy.let_go()  # bob has a free slot from here on, and finds nothing in the queue to run
    busy.assert_completed(other)
    task.wait_until_printing()
    task.let_go()
    task.assert_completed(machine)


@pytest.mark.row(13)
def test_a_frozen_agent_yields_to_the_attempt_that_was_begun_meanwhile(
    machine: Machine, other: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars", on_lost=OnLost.ENQUEUE)
    frozen = machine.start()
    task.wait_until_printing()
    zombie = machine.program(task.id)
    other.start_registered(store, "bob")
    frozen.freeze()
    task.wait_until_printing(attempt=2)
    assert zombie.is_alive()  # until its agent is back nobody can know
    before = store.output(task.id, attempt=1).data

    frozen.thaw()
    machine.wait_until_quiet(task.id, attempt=1)
    assert not zombie.is_alive()
    wait_until(machine.folder(task.id, 1).acked.exists, what="the zombie's folder is given up")
    task.let_go()
    state = task.wait_until_ended()
    assert (state.status, state.attempt, state.worker) == (Status.COMPLETED, 2, "bob")
    assert task.starts == [1, 2]
    task.assert_exact(other, attempt=2)
    task.assert_scalars()
    other.wait_until_quiet(task.id, attempt=2)
    assert store.output(task.id, attempt=1).data == before  # what the zombie wrote was refused
    assert machine.folder(task.id, 1).output.stat().st_size > len(before)
