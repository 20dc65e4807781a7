"""The user of Redis that a run has goes with it, whatever ends the run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import PATIENCE_S, Machine, send
from tests.redis_server import RedisServer
from tests.waiting import wait_until


@pytest.fixture
def server(short_path: Path) -> Iterator[RedisServer]:
    """One that asks for a password."""
    with RedisServer(short_path, append_only=True, password="s3cret") as server:
        yield server


@pytest.mark.parametrize("killed", ["runner", "agent", "machine"])
def test_a_reader_goes_with_its_run(
    machine: Machine, store: RedisStore, tmp_path: Path, killed: str
) -> None:
    machine.variables |= {"ELSEWHERE_AGENT_STORE_ACCESS": "read", "ELSEWHERE_LOST_AFTER_S": "1"}
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    agent = machine.start()
    task.wait_until_printing()
    (name,) = [user for user in store.redis.acl_users() if user != "default"]
    assert name.endswith(f":ada:{task.id}.1")
    assert name.encode() not in agent.log.read_bytes()
    if killed == "runner":
        os.kill(machine.runner(task.id).pid, signal.SIGKILL)
    elif killed == "agent":
        agent.kill()
        task.let_go()
        machine.wait_until_quiet(task.id)
        machine.start()
    else:
        machine.crash()
        machine.start("bob")  # the reaper of another agent
    state = task.wait_until_ended()
    assert state.outcome is not None
    assert state.outcome.reason is (Reason.COMPLETED if killed == "agent" else Reason.LOST)
    wait_until(
        lambda: store.redis.acl_users() == ["default"], within_s=PATIENCE_S, what="it is gone"
    )
    if killed != "machine":  # its agent, and no reaper, has taken the store back
        lent = machine.folder(task.id).store
        wait_until(lambda: not lent.exists(), within_s=PATIENCE_S, what="its URL is gone")
