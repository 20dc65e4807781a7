"""One daemon for each name in a home; several names get along in one home."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from elsewhere.core.choices import Status
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import PATIENCE_S, Machine, send


@pytest.mark.row(33)
def test_a_second_agent_of_the_same_name_refuses_and_the_first_goes_on(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    first = machine.start_registered(store)
    second = machine.start()
    assert second.process.wait(timeout=PATIENCE_S) == 1
    said = second.log.read_text()
    assert "agent: An agent named 'ada' already runs on this machine: process" in said
    assert str(first.process.pid) in said
    task = send(store, tmp_path, "counting.py", "0")
    task.let_go()
    task.assert_completed(machine)


@pytest.mark.row(33)
def test_an_agent_starts_at_once_after_it_was_killed(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    machine.start_registered(store).kill()
    began = time.monotonic()
    machine.start_registered(store)
    assert time.monotonic() - began < 10  # and not when some lease of its predecessor is over


def test_agents_of_two_names_in_one_home_leave_each_others_tasks_alone(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    machine.start("ada")
    task.wait_until_printing()
    machine.start_registered(store, "bob")
    other = send(store, tmp_path, "counting.py", "0")
    other.let_go()
    other.assert_completed(machine)
    assert other.state.worker == "bob"
    task.wait_until_printing()
    assert task.state.status is Status.IN_PROGRESS
    task.let_go()
    task.assert_completed(machine)
    task.assert_scalars()
    assert task.state.worker == "ada"
