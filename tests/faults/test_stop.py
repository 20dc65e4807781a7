"""A stop arrives, whatever the program, the agent or the connection does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.notes import Stop
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import TaskState
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import GRACE_S, PATIENCE_S, Machine, Probe, Proxy, send
from tests.redis_server import RedisServer
from tests.waiting import wait_until

#: seconds that a stop may take beside the grace: the matrix' bound of three, for a busy machine
_BOUND_S = 3 * 3

_BIN = Path(sys.executable).parent
_BY_SDK = "import sys; from elsewhere import Task; Task.get_task(sys.argv[1]).mark_stop_request()"
#: who asks for a stop -> the command line, to which the task's id is added
_FROM_OUTSIDE = {
    "the command": [str(_BIN / "elsewhere"), "abort"],
    "the SDK": [sys.executable, "-c", _BY_SDK],
}
_CALLERS = {**_FROM_OUTSIDE, "the agent": [str(_BIN / "agent"), "stop", "--now"]}


@pytest.fixture
def proxy(tmp_path: Path, short_path: Path, server: RedisServer) -> Iterator[Proxy]:
    with Proxy(short_path / "proxy.sock", server.socket) as proxy:
        yield proxy


@pytest.mark.row(24)
def test_a_program_that_obeys_sigterm(machine: Machine, store: RedisStore, tmp_path: Path) -> None:
    machine.variables["ELSEWHERE_STOP_GRACE_S"] = "60"
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    machine.start()
    task.wait_until_printing()
    began = time.monotonic()
    assert store.request_stop(task.id) is Status.IN_PROGRESS
    _assert_stopped(task.wait_until_ended(), signal.SIGTERM)
    assert time.monotonic() - began < _BOUND_S
    machine.wait_until_quiet(task.id)


@pytest.mark.row(25)
def test_a_program_deaf_to_sigterm_with_a_grandchild_in_its_own_session(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "stubborn.py")
    machine.start()
    program, grandchild = _stubborn(machine, task)
    began = time.monotonic()
    store.request_stop(task.id)
    _assert_stopped(task.wait_until_ended(), signal.SIGKILL)
    assert GRACE_S < time.monotonic() - began < GRACE_S + _BOUND_S
    assert not program.is_alive()
    assert not grandchild.is_alive()
    machine.wait_until_quiet(task.id)
    assert task.starts == [1]


def test_a_task_that_is_still_being_prepared(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "counting.py", "0", setup=("echo preparing; sleep 600",))
    machine.start()
    wait_until(
        lambda: b"\npreparing\n" in store.output(task.id).data,
        within_s=PATIENCE_S,
        what="it is being prepared",
    )
    store.request_stop(task.id)
    state = task.wait_until_ended()
    assert (state.status, state.attempt) == (Status.STOPPED, 1), state
    assert task.starts == []
    machine.wait_until_quiet(task.id)


def test_the_grace_of_a_stop_counts_more_than_the_agents(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    machine.variables["ELSEWHERE_STOP_GRACE_S"] = "600"
    task = send(store, tmp_path, "stubborn.py")
    machine.start()
    _stubborn(machine, task)
    store.request_stop(task.id, grace_s=0.2)
    _assert_stopped(task.wait_until_ended(), signal.SIGKILL)
    machine.wait_until_quiet(task.id)


@pytest.mark.row(26)
def test_a_stop_while_the_agent_is_down(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "stubborn.py")
    agent = machine.start()
    program, grandchild = _stubborn(machine, task)
    agent.kill()
    assert store.request_stop(task.id) is Status.IN_PROGRESS
    assert task.state.status is Status.IN_PROGRESS
    machine.start()
    _assert_stopped(task.wait_until_ended(), signal.SIGKILL)
    assert not program.is_alive()
    assert not grandchild.is_alive()
    machine.wait_until_quiet(task.id)


@pytest.mark.parametrize("caller", _FROM_OUTSIDE)
def test_a_task_of_this_machine_is_stopped_also_while_its_agent_is_away(
    machine: Machine, store: RedisStore, tmp_path: Path, caller: str
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    agent = machine.start()
    task.wait_until_printing()
    program = machine.program(task.id)
    agent.kill()
    _ask(machine, caller, task)
    wait_until(lambda: not program.is_alive(), within_s=_BOUND_S, what="the program is stopped")
    machine.wait_until_quiet(task.id)
    assert task.state.status is Status.IN_PROGRESS, "who knows how it ended is away"
    machine.start()
    _assert_stopped(task.wait_until_ended(), signal.SIGTERM)
    task.assert_exact(machine, was_ended=True)
    task.assert_scalars(was_ended=True)


@pytest.mark.parametrize("caller", _CALLERS)
def test_whoever_asks_the_program_goes_the_same_way(
    machine: Machine, store: RedisStore, tmp_path: Path, caller: str
) -> None:
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    machine.start()
    task.wait_until_printing()
    _ask(machine, caller, task)
    _assert_stopped(task.wait_until_ended(), signal.SIGTERM)
    assert Stop.read(machine.folder(task.id)) == Stop()
    task.assert_exact(machine, was_ended=True)
    machine.wait_until_quiet(task.id)


@pytest.mark.row(28)
@pytest.mark.parametrize("caller", _FROM_OUTSIDE)
def test_whoever_asks_a_task_that_waits_is_stopped_at_once_and_leaves_its_queue(
    machine: Machine, store: RedisStore, tmp_path: Path, caller: str
) -> None:
    task = send(store, tmp_path, "counting.py", "0")
    _ask(machine, caller, task)
    assert task.state.status is Status.STOPPED
    assert not store.redis.exists("rq:queue:default", f"rq:job:{task.id}")
    assert not machine.folder(task.id).path.exists()


@pytest.mark.row(27)
def test_a_stop_while_the_agent_cannot_reach_the_store(
    machine: Machine, store: RedisStore, tmp_path: Path, proxy: Proxy
) -> None:
    machine.url = proxy.url
    task = send(store, tmp_path, "counting.py", "0", "scalars")
    machine.start()
    task.wait_until_printing()
    proxy.cut()
    store.request_stop(task.id)
    task.wait_until_printing()
    assert not machine.folder(task.id).stop.exists()
    proxy.mend()
    _assert_stopped(task.wait_until_ended(), signal.SIGTERM)
    task.assert_exact(machine, was_ended=True)
    task.assert_scalars(was_ended=True)
    machine.wait_until_quiet(task.id)


def test_the_operator_stops_tasks_while_the_agent_cannot_reach_the_store(
    machine: Machine, store: RedisStore, tmp_path: Path, proxy: Proxy
) -> None:
    machine.url = proxy.url
    task = send(store, tmp_path, "counting.py", "0")
    agent = machine.start()
    task.wait_until_printing()
    program = machine.program(task.id)
    proxy.cut()
    stopping = subprocess.Popen(
        [Path(sys.executable).with_name("agent"), "stop", "--now"],
        env=machine.environment,
        stdout=subprocess.PIPE,
    )
    wait_until(lambda: not program.is_alive(), within_s=_BOUND_S, what="the program is stopped")
    out, _ = stopping.communicate(timeout=PATIENCE_S)
    assert stopping.returncode == 0, out
    assert agent.process.wait(timeout=5) == 0
    assert task.state.status is Status.IN_PROGRESS
    proxy.mend()
    machine.start()
    _assert_stopped(task.wait_until_ended(), signal.SIGTERM)
    task.assert_exact(machine, was_ended=True)
    machine.wait_until_quiet(task.id)


def _ask(machine: Machine, caller: str, task: Probe) -> None:
    ids = [task.id] if caller in _FROM_OUTSIDE else []
    subprocess.run(
        [*_CALLERS[caller], *ids], env=machine.environment, check=True, timeout=PATIENCE_S
    )


def _stubborn(machine: Machine, task: Probe) -> tuple[ProcessIdentity, ProcessIdentity]:
    wait_until(lambda: task.starts, within_s=PATIENCE_S, what="the program is deaf")
    grandchild = wait_until(
        lambda: (task.folder / "grandchild").exists() and (task.folder / "grandchild").read_text(),
        within_s=PATIENCE_S,
        what="the grandchild is there",
    )
    identity = ProcessIdentity.of(int(grandchild))
    assert identity.is_alive()
    assert os.getsid(identity.pid) != os.getsid(machine.program(task.id).pid)
    return machine.program(task.id), identity


def _assert_stopped(state: TaskState, number: int) -> None:
    assert state.status is Status.STOPPED, state
    assert state.outcome is not None
    assert state.outcome.reason is Reason.STOPPED
    assert state.outcome.signal == number
    assert state.attempt == 1
