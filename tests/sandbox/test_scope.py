"""Scopes: how one is asked for, and what comes of a kernel that has ended one of its processes.

The manager is a stand-in: a machine of the tests runs no systemd.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from elsewhere.core.choices import Reason
from elsewhere_sandbox import scope
from elsewhere_sandbox.scope import Scope, enter
from elsewhere_sandbox.slot import Slot
from tests.sandbox.attempts import Attempts
from tests.sandbox.test_another_runtime import started

MIB: Final = 1 << 20
#: a program that plays the kernel: one of its processes was killed
KILLED: Final = """
import os, signal, sys, time
from pathlib import Path
group = Path(os.environ["ELSEWHERE_RUN_FOLDER"])
(group / "memory.peak").write_text("125829120\\n")
(group / "memory.events").write_text("low 0\\nmax 7\\noom 1\\noom_kill 1\\noom_group_kill 0\\n")
"""


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command busctl that writes its arguments and the runtime folder beside itself."""
    groups = tmp_path / "cgroup"
    groups.mkdir()
    (groups / "cgroup.controllers").write_text("cpu memory pids\n")
    monkeypatch.setattr(scope, "_GROUPS", groups)
    monkeypatch.setattr(scope, "_LIMIT_S", 0.5)
    command = tmp_path / "busctl"
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "$XDG_RUNTIME_DIR" > "$0.called"\n')
    command.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return command


def test_a_scope_for_this_process_is_asked_for_with_a_limit(
    manager: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert enter("abc.1", 200 * MIB) is None, "nobody has moved this process"
    assert "has not moved this process into elsewhere-abc.1.scope" in caplog.text
    words = Path(f"{manager}.called").read_text().splitlines()
    assert words[0] == "--system"
    text = " ".join(words)
    assert "Manager StartTransientUnit ssa(sv)a(sa(sv)) elsewhere-abc.1.scope fail 5 " in text
    assert f" PIDs au 1 {os.getpid()} Delegate b true MemoryMax t {200 * MIB} " in text
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    enter("abc.1", 200 * MIB)
    words = Path(f"{manager}.called").read_text().splitlines()
    assert (words[0], words[-1]) == ("--user", "/run/user/4711")


def test_where_there_is_no_scope_to_be_had_the_run_goes_on(
    manager: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    manager.write_text("#!/bin/sh\necho 'Access denied' >&2; exit 1\n")
    assert enter("abc.1", 200 * MIB) is None
    assert "systemd gives no scope: Access denied" in caplog.text
    manager.write_text("#!/bin/sh\nexec sleep 60\n")
    assert enter("abc.1", 200 * MIB) is None
    manager.unlink()
    assert enter("abc.1", 200 * MIB) is None


def test_without_control_groups_of_version_2_nobody_is_asked(manager: Path) -> None:
    (manager.parent / "cgroup/cgroup.controllers").unlink()
    assert enter("abc.1", 200 * MIB) is None
    assert not Path(f"{manager}.called").exists()


def test_a_group_that_is_gone_has_killed_nothing(tmp_path: Path) -> None:
    gone = Scope(tmp_path / "gone")
    assert (gone.kills, gone.peak_bytes) == (0, 0)


@pytest.mark.parametrize(
    "then",
    ["os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(3)", "time.sleep(600)", "sys.exit(0)"],
    ids=["it was killed itself", "it fails for it", "it waits for ever", "it says nothing of it"],
)
def test_a_run_of_which_the_kernel_killed_a_process_is_out_of_memory(
    attempts: Attempts, then: str
) -> None:
    attempt = started(attempts, KILLED + then, slot=Slot(memory_bytes=120 * MIB))
    attempt.wait()
    assert attempt.outcome.reason is Reason.OUT_OF_MEMORY
    assert attempt.outcome.message == (
        "Its processes used up to 120.0 MiB of memory together, and its limit was 120.0 MiB:"
        " the kernel ended one."
    )
    assert f"confine {120 * MIB}" in (attempt.folder.path / "calls").read_text()
