"""Limits of time, and clocks that jump."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.core.process import ProcessIdentity
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import GRACE_S, LEASE_S, PATIENCE_S, Machine, send
from tests.waiting import wait_until


@pytest.mark.row(29)
def test_a_program_deaf_to_sigterm_is_ended_at_its_limit(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    limit_s = 2.0
    task = send(store, tmp_path, "stubborn.py", time_limit_s=limit_s)
    machine.start()
    wait_until((task.folder / "grandchild").exists, within_s=PATIENCE_S, what="it runs")
    state = task.wait_until_ended()
    assert state.outcome is not None
    assert (state.status, state.outcome.reason) == (Status.FAILED, Reason.TIMED_OUT)
    assert state.outcome.signal == signal.SIGKILL
    (run,) = (one.phase for one in store.phases(task.id) if one.phase.name == "run")
    assert run.seconds is not None
    assert run.seconds >= limit_s + GRACE_S
    assert not ProcessIdentity.of(int((task.folder / "grandchild").read_text())).is_alive()
    machine.wait_until_quiet(task.id)


@pytest.mark.row(32)
@pytest.mark.parametrize("jump_s", [-3600, 3600])
def test_a_clock_that_jumps_costs_no_attempt_and_no_time(
    machine: Machine, store: RedisStore, tmp_path: Path, jump_s: int
) -> None:
    task = send(
        store, tmp_path, "counting.py", "0", "scalars", on_lost=OnLost.ENQUEUE, time_limit_s=600
    )
    machine.start(slots=2, fault=f"clock:{jump_s}")
    task.wait_until_printing()
    begun = time.monotonic()
    renewed = task.state.lease_until
    wait_until(
        lambda: task.state.lease_until > renewed + 2 * LEASE_S,
        within_s=PATIENCE_S,
        what="the lease is renewed, in the server's time",
    )
    assert time.monotonic() > begun + LEASE_S
    task.let_go()
    task.assert_completed(machine)
    task.assert_scalars()
    assert len(store.attempts(task.id)) == 1
