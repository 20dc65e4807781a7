"""A run folder that is removed, or changed by the program, behind the agent's back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.stopping import request_stop
from tests.faults.harness import Machine, Probe, send


@pytest.mark.parametrize("is_agent_away", [False, True])
def test_an_attempt_whose_folder_is_gone_ends_once(
    machine: Machine, store: RedisStore, tmp_path: Path, is_agent_away: bool
) -> None:
    task = send(store, tmp_path, "counting.py", "0")
    agent = machine.start()
    task.wait_until_printing()
    if is_agent_away:
        agent.kill()
    shutil.rmtree(machine.folder(task.id).path)
    if is_agent_away:
        machine.start()
    _assert_gone(task)
    assert len(store.attempts(task.id)) == 1
    machine.wait_until_quiet(task.id)
    after = send(store, tmp_path, "counting.py", "0")
    after.let_go()
    after.assert_completed(machine)
    assert task.starts == [1]


def _assert_gone(task: Probe) -> None:
    state = task.wait_until_ended()
    assert (state.status, state.message) == (Status.FAILED, "Its run folder is gone.")
    assert state.outcome is not None
    assert state.outcome.reason is Reason.LOST


def test_a_pipe_in_place_of_the_output_holds_up_neither_a_stop_nor_the_end(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    stopped, ended = (send(store, tmp_path, "counting.py", "0") for _ in range(2))
    agent = machine.start(slots=2)
    for task in (stopped, ended):
        task.wait_until_printing()
        output = machine.folder(task.id).output
        output.unlink()
        os.mkfifo(output)
    request_stop(store, machine.home, stopped.id)
    ended.let_go()
    assert stopped.wait_until_ended().status is Status.STOPPED
    assert ended.wait_until_ended().status is Status.COMPLETED
    assert agent.log.read_text().count("No more output is delivered.") == 2
