"""While the store is away tasks go on; when it is back everything is there, once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from elsewhere.core.choices import OnLost, Status
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import LEASE_S, PATIENCE_S, Machine, Probe, send
from tests.redis_server import RedisServer
from tests.waiting import wait_until

#: what agent_process.py writes into the log
_FAULT = "The fault has come."


@pytest.mark.row(17, 19)
@pytest.mark.parametrize("ends", ["after", "during"])
def test_a_task_whose_redis_is_killed_and_restarted(
    machine: Machine, store: RedisStore, server: RedisServer, tmp_path: Path, ends: str
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    machine.start()
    for _ in range(2):
        task.wait_until_printing()
        server.kill()
        task.wait_until_printing()
        server.start()
        _wait_until_delivered(task)
    server.kill()
    if ends == "during":
        task.let_go()
        wait_until(machine.folder(task.id).exit.exists, within_s=PATIENCE_S, what="it has ended")
        machine.wait_until_quiet(task.id)
    server.start()
    task.let_go()
    task.assert_completed(machine)
    task.assert_scalars()


@pytest.mark.row(17)
def test_an_outage_longer_than_the_lease_costs_no_attempt(
    machine: Machine, store: RedisStore, server: RedisServer, tmp_path: Path
) -> None:
    machine.variables["ELSEWHERE_FAULT_AFTER_S"] = "1"
    task = send(store, tmp_path, "counting.py", "0", "scalars", on_lost=OnLost.ENQUEUE)
    machine.start(slots=2)
    task.wait_until_printing()
    lease_until = task.state.lease_until
    server.kill()
    wait_until(
        lambda: time.time() > lease_until + LEASE_S,  # the server's clock is this machine's
        within_s=PATIENCE_S,
        what="the lease has long been over",
    )
    server.start()
    _wait_until_delivered(task)
    task.let_go()
    task.assert_completed(machine)
    task.assert_scalars()
    assert len(store.attempts(task.id)) == 1


@pytest.mark.row(16)
@pytest.mark.parametrize("call", ["claim", "finish"])
def test_an_answer_that_is_lost_with_the_connection_does_no_harm(
    machine: Machine, store: RedisStore, tmp_path: Path, call: str
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    task.let_go()
    agent = machine.start(fault=f"unheard:{call}")
    task.assert_completed(machine, attempt=2 if call == "claim" else 1)
    task.assert_scalars()
    assert _FAULT in agent.log.read_text()


@pytest.mark.row(16)
@pytest.mark.parametrize("call", ["apply", "append_output"])
def test_deliveries_whose_answers_are_lost_are_taken_once(
    machine: Machine, store: RedisStore, tmp_path: Path, call: str
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    agent = machine.start(fault=f"unheard:{call}:5")
    task.wait_until_printing()
    wait_until(
        lambda: agent.log.read_text().count(_FAULT) > 2,
        within_s=PATIENCE_S,
        what="several answers have been lost",
    )
    task.let_go()
    task.assert_completed(machine)
    task.assert_scalars()


def _wait_until_delivered(task: Probe) -> None:
    """Something that was printed since is stored."""
    length = task.store.output_length(task.id)
    wait_until(
        lambda: task.store.output_length(task.id) > length,
        within_s=PATIENCE_S,
        what=f"output of task {task.id} arrives; {task.state}",
    )
    assert task.state.status is Status.IN_PROGRESS
