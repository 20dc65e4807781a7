"""What becomes of an attempt is told by how its program ended, and nothing of it stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.process import ProcessIdentity
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import Machine, send
from tests.waiting import wait_until


@pytest.mark.row(7)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_program_that_is_killed_has_failed_with_the_signal(
    machine: Machine, store: RedisStore, tmp_path: Path, number: signal.Signals
) -> None:
    task = send(store, tmp_path, "counting.py", "0")
    machine.start()
    task.wait_until_printing()
    os.kill(machine.program(task.id).pid, number)
    state = task.wait_until_ended()
    assert (state.status, state.attempt) == (Status.FAILED, 1)
    assert state.outcome is not None
    assert state.outcome.reason is Reason.KILLED
    assert state.outcome.signal == number
    assert number.name in state.outcome.message
    task.assert_exact(machine, was_ended=True)
    assert task.starts == [1]
    machine.wait_until_quiet(task.id)


def test_the_exit_code_is_kept(machine: Machine, store: RedisStore, tmp_path: Path) -> None:
    task = send(store, tmp_path, "counting.py", "7", "scalars")
    task.let_go()
    machine.start()
    state = task.wait_until_ended()
    assert (state.status, state.attempt) == (Status.FAILED, 1)
    assert state.outcome is not None
    assert (state.outcome.reason, state.outcome.exit_code) == (Reason.PROGRAM_FAILED, 7)
    task.assert_exact(machine)
    task.assert_scalars()
    machine.wait_until_quiet(task.id)


@pytest.mark.row(9)
def test_what_a_program_leaves_behind_is_ended_with_it(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    task = send(store, tmp_path, "leaving.py")
    machine.start()
    state = task.wait_until_ended()
    assert state.status is Status.COMPLETED, state
    assert b"\nthe last line\n" in store.output(task.id).data
    for name in ("holding", "deaf"):
        assert not ProcessIdentity.of(int((task.folder / name).read_text())).is_alive()
    machine.wait_until_quiet(task.id)
    assert task.starts == [1]


def make_group() -> Path | None:
    """A control group of 60 MB, of either version; None where none can be made."""
    for root, limit in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = root / f"elsewhere-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text("60000000")
        except OSError:
            if group.is_dir():
                group.rmdir()
        else:
            return group
    return None


@pytest.fixture
def processes_of_a_small_group() -> Iterator[Path]:
    group = make_group()
    if group is None:
        pytest.skip("no control group with a limit of memory can be made here")
    processes = group / "cgroup.procs"
    yield processes
    wait_until(lambda: not processes.read_text(), what="the group is empty")
    group.rmdir()


@pytest.mark.row(7)
def test_a_program_that_the_kernel_ends_for_want_of_memory_is_named_so(
    machine: Machine, store: RedisStore, tmp_path: Path, processes_of_a_small_group: Path
) -> None:
    task = send(store, tmp_path, "hungry.py", str(processes_of_a_small_group))
    machine.start()
    state = task.wait_until_ended()
    assert (state.status, state.attempt) == (Status.FAILED, 1)
    assert state.outcome is not None
    assert state.outcome.reason is Reason.OUT_OF_MEMORY
    assert state.outcome.signal == signal.SIGKILL
    assert b"hungry\n" in store.output(task.id).data
    assert task.starts == [1]
    machine.wait_until_quiet(task.id)
