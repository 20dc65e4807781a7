"""An agent that ends, however it ends, costs no work: its tasks go on and it comes back to them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import PATIENCE_S, Machine, send
from tests.waiting import wait_until


@pytest.mark.row(1, 2)
@pytest.mark.parametrize("is_killed", [True, False], ids=["kill -9", "SIGTERM"])
def test_a_task_goes_on_without_its_agent(
    machine: Machine, store: RedisStore, tmp_path: Path, is_killed: bool
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    agent = machine.start()
    task.wait_until_printing()
    runner = machine.runner(task.id)
    if is_killed:
        agent.kill()
    else:
        agent.end()
    task.wait_until_printing()
    assert runner.is_alive()
    machine.start()
    task.let_go()
    task.assert_completed(machine)
    task.assert_scalars()


@pytest.mark.row(1, 2)
def test_a_task_that_ends_without_its_agent_is_delivered_later(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars", "much")
    agent = machine.start()
    task.wait_until_printing()
    agent.kill()
    size = len(task.printed())
    wait_until(  # more than one round of delivery takes
        lambda: len(task.printed()) > size + (4 << 20), within_s=PATIENCE_S, what="it prints much"
    )
    task.let_go()
    machine.wait_until_quiet(task.id)
    assert task.state.status is Status.IN_PROGRESS
    machine.start()
    task.assert_completed(machine)
    task.assert_scalars()


@pytest.mark.row(8)
@pytest.mark.parametrize("moment", ["just before", "just after"])
def test_tasks_that_end_as_their_agent_is_killed_end_once(
    machine: Machine, store: RedisStore, tmp_path: Path, moment: str
) -> None:
    tasks = [send(store, tmp_path, "counting.py", "0") for _ in range(4)]
    agent = machine.start(slots=4)
    for task in tasks:
        task.wait_until_printing()
    for task in tasks:
        task.let_go()
    if moment == "just after":
        exits = [machine.folder(task.id).exit for task in tasks]
        wait_until(
            lambda: any(map(Path.exists, exits)), within_s=PATIENCE_S, what="the first has ended"
        )
    agent.kill()
    machine.start(slots=4)
    for task in tasks:
        task.assert_completed(machine)


#: where it is killed -> the attempt in which the task is completed then
_POINTS = {
    "after:take": 1,
    "before:claim": 1,
    "after:claim": 2,  # nothing of the first attempt exists yet
    "before:write_owner": 2,
    "after:write_owner": 1,
    "before:settle": 1,
    "after:settle": 1,
    "before:write_spec": 1,
    "after:write_spec": 1,  # the first file is the store's
    "before:launch": 1,
    "after:mark_launched": 2,  # nobody knows whether a runner was started: it must not be twice
    "after:launch": 1,
    "before:append_output": 1,
    "after:append_output:3": 1,
    "before:apply": 1,
    "after:apply:3": 1,
    "before:finish": 1,
    "after:finish": 1,
    "before:acknowledge": 1,
    "after:acknowledge": 1,
}


@pytest.mark.row(4)
@pytest.mark.parametrize("fault", _POINTS)
def test_an_agent_killed_at_any_point_completes_its_task_once(
    machine: Machine, store: RedisStore, tmp_path: Path, fault: str
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    if not fault.endswith(":3"):  # else it prints until there was a third time
        task.let_go()
    machine.start(fault=fault).wait_until_killed()
    task.let_go()
    machine.start()
    task.assert_completed(machine, attempt=_POINTS[fault])
    task.assert_scalars()


@pytest.mark.parametrize("fault", ["", "slow:acknowledge", "unheard:lose", "after:lose"])
def test_a_lost_attempt_is_not_taken_back_by_the_agent_that_gave_it_up(
    machine: Machine, store: RedisStore, tmp_path: Path, fault: str
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars", on_lost=OnLost.ENQUEUE)
    agent = machine.start(fault=fault)
    task.wait_until_printing()
    program = machine.program(task.id)
    os.kill(machine.runner(task.id).pid, signal.SIGKILL)
    if fault == "after:lose":
        agent.wait_until_killed()
        machine.start()
    task.wait_until_printing(attempt=2)
    assert not program.is_alive()
    task.let_go()
    state = task.wait_until_ended()
    assert (state.status, state.attempt) == (Status.COMPLETED, 2)
    assert task.starts == [1, 2]
    first, second = store.attempts(task.id)
    assert first.outcome is not None
    assert first.outcome.reason is Reason.LOST
    assert second.outcome is not None
    assert second.outcome.reason is Reason.COMPLETED
    task.assert_exact(machine, attempt=2)
    task.assert_scalars()
    for attempt in (1, 2):
        machine.wait_until_quiet(task.id, attempt)


def test_a_machine_that_cannot_hold_a_run_fails_the_task_and_its_agent_goes_on(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    machine.home.runs.touch()
    first = send(store, tmp_path, "counting.py", "0")
    agent = machine.start()
    state = first.wait_until_ended()
    assert state.outcome is not None
    assert state.outcome.reason is Reason.SETUP_FAILED
    assert str(machine.home.runs) in state.outcome.message
    machine.home.runs.unlink()
    second = send(store, tmp_path, "counting.py", "0")
    second.let_go()
    second.assert_completed(machine)
    assert agent.process.poll() is None
