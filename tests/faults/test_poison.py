"""A task that takes its agent down each time is parked in the end, and others are run."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import PATIENCE_S, Machine, send
from tests.waiting import wait_until


@pytest.mark.row(35)
def test_a_task_that_takes_its_agent_down_each_time_is_parked(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    pid.touch()
    deadly = send(store, tmp_path, "deadly.py", str(pid), on_lost=OnLost.ENQUEUE)
    innocent = send(store, tmp_path, "counting.py", "0")
    innocent.let_go()
    for number in range(1, 5):  # as systemd starts it again
        agent = machine.start()
        pid.write_text(str(agent.process.pid))
        wait_until(
            lambda agent=agent: agent.process.poll() is not None,  # type: ignore[misc]
            within_s=PATIENCE_S,
            what=f"attempt {number} ends its agent",
        )
    machine.start()
    innocent.assert_completed(machine)
    state = deadly.wait_until_ended()
    assert (state.status, state.losses) == (Status.FAILED, 4)
    assert "It is parked: 4 attempts in a row were lost with their agents." in state.message
    assert deadly.starts == [1, 2, 3, 4]
    outcomes = [one.outcome for one in store.attempts(deadly.id)]
    assert [one and one.reason for one in outcomes] == [Reason.LOST] * 4
