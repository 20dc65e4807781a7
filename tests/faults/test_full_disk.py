"""A program whose output fills the disk of the run folders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.store.agents import registered_agents
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import PATIENCE_S, Machine, Probe, send
from tests.small_disk import needs_small_disk, on_small_disk
from tests.waiting import wait_until

pytestmark = needs_small_disk

LOST = re.compile(r"(\d+) bytes of its output were not kept: the disk was full\.$")


@pytest.mark.row(30)
@pytest.mark.parametrize("is_stopped", [False, True])
def test_it_is_named_everywhere_and_holds_up_no_end(
    machine: Machine, store: RedisStore, tmp_path: Path, is_stopped: bool
) -> None:
    machine.home.runs.mkdir()
    machine.variables["ELSEWHERE_AGENT_FREE_BYTES"] = "0"  # it is to become full
    task = send(store, tmp_path, "counting.py", "0", "much")
    agent = machine.start(wrapper=on_small_disk(machine.home.runs, "8m"))
    sentence = f"The disk of {machine.home.runs} on "
    wait_until(
        lambda: task.state.message.startswith(sentence),
        within_s=PATIENCE_S,
        what="the task's status message names the full disk",
    )
    assert task.state.status is Status.IN_PROGRESS
    wait_until(lambda: len(task.printed()) > 10 << 20, within_s=PATIENCE_S, what="it prints on")
    assert sentence in agent.log.read_text()
    wait_until(
        lambda: any(
            sentence in one for found in registered_agents(store.redis) for one in found.problems
        ),
        within_s=PATIENCE_S,
        what="the agent's status names it",
    )
    if is_stopped:
        store.request_stop(task.id)
    else:
        task.let_go()
    _assert_ended(task, Status.STOPPED if is_stopped else Status.COMPLETED)
    after = send(store, tmp_path, "counting.py", "0")
    state = after.wait_until_ended()
    assert state.outcome is not None
    assert state.outcome.reason is Reason.SETUP_FAILED
    assert "No space left on device" in state.message
    wait_until(
        lambda: state.message.partition("\n")[0] in agent.log.read_text(),
        within_s=PATIENCE_S,
        what="the agent's log has it",
    )


def _assert_ended(task: Probe, status: Status) -> None:
    state = task.wait_until_ended()
    assert state.status is status, state
    lost = LOST.search(state.message)
    assert lost, state
    kept = task.store.output_length(task.id)
    assert kept + int(lost[1]) >= len(task.printed())
