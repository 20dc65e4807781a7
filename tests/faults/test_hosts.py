"""Runners and whole machines that end without a word, and tasks that begin again elsewhere."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.core.folders import Home
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import Machine, Probe, send
from tests.redis_server import RedisServer

_IMPATIENT = {"ELSEWHERE_LEASE_S": "2", "ELSEWHERE_LOST_AFTER_S": "1"}


@pytest.fixture
def other(tmp_path: Path, server: RedisServer, environments: Path) -> Iterator[Machine]:
    """A machine whose agent soon gives up an agent that does not report."""
    other = Machine(Home(tmp_path / "other"), server.url, environments, _IMPATIENT)
    yield other
    other.close()


@pytest.mark.row(6)
def test_a_runner_that_is_killed_takes_its_program_with_it_and_the_task_begins_again(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars", on_lost=OnLost.ENQUEUE)
    machine.start()
    task.wait_until_printing()
    program = machine.program(task.id)
    os.kill(machine.runner(task.id).pid, signal.SIGKILL)
    task.wait_until_printing(attempt=2)
    assert not program.is_alive()
    task.let_go()
    _assert_completed_again(task, machine)


@pytest.mark.row(10)
def test_a_machine_that_is_gone_is_given_up_and_its_task_begins_again_on_another(
    machine: Machine, other: Machine, store: RedisStore, tmp_path: Path
) -> None:
    machine.variables.update(_IMPATIENT)
    kept = send(store, tmp_path, "counting.py", "0")
    again = send(store, tmp_path, "counting.py", "0", "scalars", on_lost=OnLost.ENQUEUE)
    machine.start(slots=2)
    for task in (kept, again):
        task.wait_until_printing()
    machine.crash()
    other.start_registered(store, "bob")
    again.wait_until_printing(attempt=2)
    again.let_go()
    _assert_completed_again(again, other)
    state = kept.wait_until_ended()
    assert state.outcome is not None
    assert (state.status, state.outcome.reason) == (Status.FAILED, Reason.LOST)
    assert kept.starts == [1]


@pytest.mark.row(11)
def test_a_machine_that_was_rebooted_says_so_and_begins_its_task_again_at_once(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars", on_lost=OnLost.ENQUEUE)
    machine.start()
    task.wait_until_printing()
    machine.runner(task.id)  # it is written
    machine.crash()
    for name in ("runner", "child"):
        note: Path = getattr(machine.folder(task.id), name)
        note.write_text(json.dumps({**json.loads(note.read_text()), "boot": "an earlier one"}))
    machine.start()  # with the 15 minutes that an agent otherwise has to come back
    task.wait_until_printing(attempt=2)
    task.let_go()
    _assert_completed_again(task, machine)
    first, _ = store.attempts(task.id)
    assert first.outcome is not None
    assert first.outcome.reason is Reason.HOST_REBOOTED


def _assert_completed_again(task: Probe, machine: Machine) -> None:
    """The second attempt has run to its end, and nothing else was started."""
    state = task.wait_until_ended()
    assert (state.status, state.attempt) == (Status.COMPLETED, 2), state
    assert task.starts == [1, 2]
    task.assert_exact(machine, attempt=2)
    task.assert_scalars()
    machine.wait_until_quiet(task.id, attempt=2)
