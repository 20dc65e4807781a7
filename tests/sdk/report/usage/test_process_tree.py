"""The processes of a task: each once, shared memory once, and the time of those that ended, too."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere.report.usage import process_tree as module
from elsewhere.report.usage.process_tree import ProcessTree, TreeUse

MB = 1 << 20

HOLDS = "data = bytearray(64 << 20)\n"
READY = "import os, sys; os.write(1, b'ready\\n'); sys.stdin.readline()\n"
#: the child of a child holds the memory
GRANDCHILD = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {HOLDS + READY!r}])
"""
#: four processes share what the first has filled
FORKS = f"""
import os
{HOLDS}
for _ in range(3):
    if not os.fork():
        break
{READY}"""


@contextmanager
def running(program: str, lines: int = 1) -> Iterator[int]:
    """The pid of a program that has printed `ready` so often, and ends when this does."""
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(lines)] == ["ready\n"] * lines
        yield process.pid
        process.communicate("\n" * lines)


def look(at: ProcessTree | int, *, with_root: bool = True) -> TreeUse:
    use = (ProcessTree(at, with_root=with_root) if isinstance(at, int) else at).look()
    assert use is not None
    return use


@pytest.fixture
def generous(monkeypatch: pytest.MonkeyPatch) -> None:
    """PSS of each process is read at each look."""
    monkeypatch.setattr(module, "_SAVED_S", 3600.0)


def test_the_memory_of_a_whole_tree_is_counted(generous: None) -> None:
    with running(GRANDCHILD) as pid:
        use = look(pid)
        below = look(pid, with_root=False)
    assert 64 * MB <= use.memory_bytes <= 150 * MB
    assert len(use.pids) == 2
    assert pid in use.pids
    assert below.pids == use.pids - {pid}
    assert 64 * MB <= below.memory_bytes < use.memory_bytes


def test_memory_that_processes_share_counts_once(generous: None) -> None:
    with running(FORKS, lines=4) as pid:
        tree = ProcessTree(pid)
        use = look(tree)
    assert len(use.pids) == 4
    assert 64 * MB <= use.memory_bytes <= 64 * MB + 4 * 15 * MB


def test_memory_that_cannot_be_read_exactly_is_that_without_files(
    monkeypatch: pytest.MonkeyPatch, generous: None
) -> None:
    monkeypatch.setattr(module, "_pss_bytes", lambda _pid: None)
    with running(HOLDS + READY) as pid:
        used = look(pid).memory_bytes
        resident = module._Stat.of(pid)
    assert resident is not None
    assert 64 * MB <= used < resident.rss_bytes


def test_memory_is_read_exactly_as_often_as_that_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    now, reads = [1000.0], []

    def slow(pid: int) -> int:
        reads.append(pid)
        until_s = time.thread_time() + module._SAVED_S
        while time.thread_time() < until_s:
            pass
        return 7 * MB

    monkeypatch.setattr(module, "monotonic_s", lambda: now[0])
    monkeypatch.setattr(module, "_pss_bytes", slow)
    with running(FORKS, lines=4) as pid:
        tree = ProcessTree(pid)
        used = [look(tree).memory_bytes for _ in range(3)]
        assert len(reads) == 1, "at once for one; the others are estimated"
        assert used[1] == pytest.approx(used[2], rel=0.01)
        assert used[1] > 64 * MB * 3
        for wanted in (2, 3, 4, 5):
            now[0] += 1 / module._SHARE  # seconds in which one second of it may be spent
            look(tree)
            assert len(reads) == wanted
        assert len(set(reads)) == 4, "each in its turn"
        assert reads[4] == reads[0]
        assert look(tree).memory_bytes == pytest.approx(4 * 7 * MB, rel=0.01)


def test_memory_grows_between_two_exact_readings(generous: None) -> None:
    tree = ProcessTree(os.getpid())
    before = look(tree).memory_bytes
    tree._allowance._left_s = -3600.0
    data = bytearray(64 * MB)
    assert look(tree).memory_bytes - before == pytest.approx(64 * MB, rel=0.1)
    del data


def test_a_process_whose_number_is_used_again_is_read_anew(generous: None) -> None:
    tree = ProcessTree(os.getpid())
    look(tree)
    known = tree._borne[os.getpid()]
    tree._borne[os.getpid()] = replace(known, started=known.started - 1, size_bytes=1 << 50)
    tree._allowance._left_s = -3600.0
    assert look(tree).memory_bytes > MB


def test_processes_that_have_gone_use_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert look(process.pid) == (frozenset(), 0, 0)


def test_the_time_of_processes_that_have_ended_stays_counted(generous: None) -> None:
    tree = ProcessTree(os.getpid())
    before = look(tree).cpu_s
    code = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert 0.4 <= look(tree).cpu_s - before <= 5.0


def test_without_its_root_a_tree_has_the_time_of_what_that_has_waited_for(generous: None) -> None:
    tree = ProcessTree(os.getpid(), with_root=False)
    before = look(tree).cpu_s
    code = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
    use = look(tree)
    assert 0.2 <= use.cpu_s - before <= 5.0
    assert os.getpid() not in use.pids


def test_the_children_of_every_thread_are_found(generous: None) -> None:
    started, end = threading.Event(), threading.Event()
    pids = []

    def start_one() -> None:
        with subprocess.Popen(["sleep", "600"]) as process:
            pids.append(process.pid)
            started.set()
            end.wait()
            process.kill()

    thread = threading.Thread(target=start_one)
    thread.start()
    started.wait()
    assert pids[0] in look(os.getpid()).pids
    end.set()
    thread.join()


def test_a_kernel_that_lists_no_children_is_asked_for_all_processes(
    monkeypatch: pytest.MonkeyPatch, generous: None
) -> None:
    with running(GRANDCHILD) as pid:
        pids = look(pid).pids
        monkeypatch.setattr(module, "_CHILDREN", "no-such-file")
        monkeypatch.setattr(module, "_HAS_CHILDREN", False)
        assert look(pid).pids == pids


def test_a_system_without_proc_is_asked_by_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(GRANDCHILD) as pid:
        known = look(pid)
        monkeypatch.setattr(module, "_PROC", Path("/no such folder"))
        use = look(pid)
        below = look(pid, with_root=False)
        monkeypatch.setitem(sys.modules, "psutil", None)
        assert ProcessTree(pid).look() is None
    assert use.pids == known.pids
    assert below.pids == known.pids - {pid}
    assert use.memory_bytes >= 64 * MB
