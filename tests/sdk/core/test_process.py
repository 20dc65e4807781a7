"""Identities of processes: the very same process is alive, every other one is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from elsewhere.core.process import ProcessIdentity, boot_id, machine_id
from tests.waiting import wait_until


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_this_process_is_alive_on_this_machine_in_this_boot() -> None:
    own = ProcessIdentity.of()
    assert own.pid == os.getpid()
    assert own.boot == boot_id()
    assert own.machine == machine_id()
    assert own.is_alive()
    assert own.is_here


def test_a_process_that_ended_is_not_alive_not_even_as_a_zombie(
    child: subprocess.Popen[bytes],
) -> None:
    identity = ProcessIdentity.of(child.pid)
    assert identity.is_alive()
    child.kill()
    wait_until(lambda: not identity.is_alive(), what="the killed child is not alive")
    assert child.returncode is None, "it was waited for, so it is no zombie"
    assert not ProcessIdentity.of(child.pid).is_alive()


@pytest.mark.parametrize(
    "other", [{"started": "1"}, {"boot": "an earlier one"}, {"started": ""}], ids=str
)
def test_a_later_process_with_the_same_pid_is_another_one(other: dict[str, str]) -> None:
    assert not replace(ProcessIdentity.of(), **other).is_alive()  # type: ignore[arg-type]


def test_a_process_of_another_machine_is_not_here() -> None:
    assert not replace(ProcessIdentity.of(), machine="another").is_here


def test_a_name_with_brackets_and_spaces_does_not_hide_the_start_time() -> None:
    script = "import ctypes; ctypes.CDLL(None).prctl(15, b') R 1 (', 0, 0, 0); print(); input()"
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        before = ProcessIdentity.of(process.pid)
        assert process.stdout is not None
        process.stdout.readline()
        assert before.is_alive()
        process.kill()
