"""The tree of a process: found whole, ended whole, whatever its members do to escape."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from elsewhere_sandbox.tree import marked
from tests.waiting import wait_until

#: a sub-reaper that starts what it is told and then does what the test is about
BEGIN = """
import os, signal, subprocess, sys, time
from elsewhere_sandbox import tree
tree.become_subreaper()

def start(script):
    # returns when the program is ready
    ready, done = os.pipe()
    environment = {**os.environ, "D": str(done)}
    process = subprocess.Popen(["sh", "-c", script], pass_fds=(done,), env=environment)
    os.close(done)
    os.read(ready, 1)
    return process
"""
MARK = "TREE_TEST_OF"


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    """What the environment of all processes of this test says."""
    yield str(tmp_path)
    for process in marked(MARK, str(tmp_path)):
        process.kill()


def run(program: str, mark: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(program)],
        env={**os.environ, MARK: mark},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "script",
    [
        "echo >&$D; exec sleep 600",
        "sleep 600 & echo >&$D; wait",
        "setsid sleep 600 & sleep 0.05; echo >&$D",
        "(setsid sh -c 'sleep 600 & sleep 600' &) ; sleep 0.05; echo >&$D",
        "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo >&$D; wait",
    ],
    ids=["child", "grandchild", "session", "orphans", "stubborn"],
)
def test_nothing_of_a_tree_is_left(mark: str, script: str) -> None:
    ended = run(f"start({script!r}); assert tree.end_all(0.2); print('ended')", mark)
    assert ended.stdout == "ended\n", ended.stderr
    assert marked(MARK, mark) == []


def test_a_process_that_ends_within_its_grace_is_not_killed(mark: str) -> None:
    script = "trap 'sleep 0.1; echo clean; exit' TERM; sleep 600 & echo >&$D; wait"
    ended = run(f"start({script!r}); tree.end_all(30)", mark)
    assert ended.stdout == "clean\n"


def test_where_nothing_runs_there_is_nothing_to_end(mark: str) -> None:
    ended = run("print(tree.end_all(30), tree.signal_all(signal.SIGKILL))", mark)
    assert ended.stdout == "False []\n", ended.stderr


def test_the_exit_status_of_the_one_that_somebody_waits_for_is_left_to_him(mark: str) -> None:
    program = """
        child = start("echo >&$D; exit 7")
        orphans = [start("(sleep 0.01 &); echo >&$D; exit 0") for _ in range(3)]
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        tree.reap(except_pid=child.pid)
        print(child.wait())
        """
    assert run(program, mark).stdout == "7\n"


def test_children_die_with_a_parent_that_is_killed(mark: str) -> None:
    program = """
        import threading
        child = subprocess.Popen(["sleep", "600"], preexec_fn=tree.die_with_parent)
        print(child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    ended = run(program, mark)
    assert ended.returncode == -9
    wait_until(lambda: not marked(MARK, mark), what="the child is gone")


def test_processes_are_found_by_exactly_their_mark(mark: str) -> None:
    with subprocess.Popen(["sleep", "600"], env={MARK: mark, "OTHER": "x"}) as process:
        wait_until(lambda: marked(MARK, mark) == [psutil.Process(process.pid)])
        assert marked(MARK, mark[:-1]) == []
        assert marked(MARK[1:], mark) == []
        process.kill()
    assert marked(MARK, mark) == []


def test_a_stubborn_tree_that_keeps_forking_is_ended_too(mark: str) -> None:
    script = "trap '' TERM; echo >&$D; while :; do (trap '' TERM; sleep 5) & sleep 0.02; done"
    ended = run(f"start({script!r}); tree.end_all(0.1); print('ended')", mark)
    assert ended.stdout == "ended\n", ended.stderr
    assert marked(MARK, mark) == []
