"""The launcher of this host: at most one runner for an attempt, what is known of it later, and its
end."""

from __future__ import annotations

import errno
import fcntl
import gc
import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.clock import monotonic_s
from elsewhere.core.folders import Home, RunFolder, write_beside
from elsewhere.core.notes import Stop, read_outcome, read_runner
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import Outcome, Source
from elsewhere_sandbox.__main__ import main as sandbox_main
from elsewhere_sandbox.spec import RunSpec
from elsewhere_sandbox.tree import kill, marked
from elsewhere_worker import host_launcher
from elsewhere_worker.host_launcher import HostLauncher
from elsewhere_worker.launcher import Liveness
from tests.stores import make_record
from tests.waiting import wait_until


@pytest.fixture
def launcher() -> Iterator[HostLauncher]:
    launcher = HostLauncher()
    yield launcher
    launcher.close()


def make_folder(home: Path) -> RunFolder:
    """Without a spec: its runner ends at once, with an outcome that says so."""
    return Home(home).run(make_record().id, 1).create()


def servers() -> list[psutil.Process]:
    """The living fork servers of this process."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # another test's, which has just ended
            if "elsewhere_sandbox" in child.cmdline():
                found.append(child)
    return found


def has_run(folder: RunFolder) -> None:
    wait_until(lambda: read_outcome(folder), within_s=20, what="its runner has run")


@pytest.mark.parametrize("is_prepared", [True, False])
def test_a_folder_gets_a_runner_once(
    launcher: HostLauncher, elsewhere_home: Path, is_prepared: bool
) -> None:
    folder = make_folder(elsewhere_home)
    if is_prepared:
        launcher.prepare()
        launcher.prepare()
        assert len(servers()) == 1
    assert launcher.launch(folder)
    assert not launcher.launch(folder)
    assert not HostLauncher().launch(folder), "another agent on the same folder"
    has_run(folder)


def test_of_many_that_launch_a_folder_one_does(
    launcher: HostLauncher, elsewhere_home: Path
) -> None:
    folder, launched = make_folder(elsewhere_home), list[bool]()
    threads = [
        threading.Thread(target=lambda: launched.append(launcher.launch(folder))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(launched) == [False] * 7 + [True]
    has_run(folder)


def test_a_fork_server_that_died_is_replaced(launcher: HostLauncher, elsewhere_home: Path) -> None:
    launcher.prepare()
    (server,) = servers()
    server.kill()
    server.wait()
    folder = make_folder(elsewhere_home)
    assert launcher.launch(folder)
    has_run(folder)
    assert servers() != [server]


def test_many_runners_of_one_fork_server_leave_nothing_behind(
    launcher: HostLauncher, elsewhere_home: Path
) -> None:
    folders = [make_folder(elsewhere_home) for _ in range(20)]
    for folder in folders:
        assert launcher.launch(folder)
    for folder in folders:
        has_run(folder)
    (server,) = servers()
    wait_until(lambda: not server.children(), within_s=20, what="also no dead ones")


def test_a_machine_that_has_no_room_for_a_runner_is_named(
    elsewhere_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, refused = make_folder(elsewhere_home), OSError(errno.EAGAIN, "No more processes")

    def fork() -> int:
        raise refused

    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{folder.path}\n"))
    handler = signal.getsignal(signal.SIGCHLD)
    try:
        assert sandbox_main(["--serve"]) == 0
    finally:
        signal.signal(signal.SIGCHLD, handler)
        gc.unfreeze()
    found = HostLauncher().look(folder)
    assert isinstance(found, Outcome)
    assert (found.reason, found.message) == (
        Reason.SETUP_FAILED,
        f"The run cannot be prepared on this machine: {refused}.",
    )


def test_a_fork_server_goes_home_when_it_is_not_needed(launcher: HostLauncher) -> None:
    launcher.prepare()
    assert servers()
    launcher.close()
    launcher.close()
    assert servers() == []


def test_a_fork_server_ends_with_its_agent(elsewhere_home: Path) -> None:
    script = (
        "import os, time\nfrom elsewhere_worker.host_launcher import HostLauncher\n"
        "launcher = HostLauncher()\nlauncher.prepare()\n"
        "print(launcher._server.pid, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    argv = [sys.executable, "-c", script]
    printed = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    server = int(printed)
    wait_until(lambda: not psutil.pid_exists(server), within_s=20, what="the server is gone")


def test_runners_at_work_go_on_without_their_launcher(
    launcher: HostLauncher, elsewhere_home: Path
) -> None:
    """A runner is detached: in a session of its own, with nothing of the agent's open."""
    folder, url = make_folder(elsewhere_home), "https://example.org/code.git"
    record = make_record(source=Source(repository=url, commit="a" * 40))
    RunSpec(record=record, home=str(elsewhere_home)).write(folder)
    lock = Home(elsewhere_home).mirrors / f"{hashlib.sha256(url.encode()).hexdigest()}.lock"
    lock.parent.mkdir()
    with lock.open("w") as held:  # it waits there
        fcntl.flock(held, fcntl.LOCK_EX)
        assert launcher.launch(folder)
        _has_nothing_of_its_launcher(launcher, folder)
        Stop().write(folder)
        has_run(folder)


def _has_nothing_of_its_launcher(launcher: HostLauncher, folder: RunFolder) -> None:
    wait_until(folder.runner_log.exists, within_s=20)
    noted = wait_until(lambda: read_runner(folder), within_s=20)
    assert noted is not None
    runner = psutil.Process(noted.pid)
    launcher.close()
    assert servers() == []
    assert os.getsid(runner.pid) == runner.pid

    def links() -> set[str]:
        return {os.readlink(f"/proc/{runner.pid}/fd/{n}") for n in (0, 1, 2)}  # noqa: PTH115

    wait_until(lambda: links() == {os.devnull, str(folder.runner_log)})


def test_a_machine_without_a_runner_is_an_error(
    launcher: HostLauncher, elsewhere_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(OSError, match="/nonexistent/python"):
        launcher.launch(make_folder(elsewhere_home))


# what is known of a runner


@pytest.fixture
def runner(elsewhere_home: Path) -> Iterator[tuple[RunFolder, subprocess.Popen[bytes]]]:
    """A folder and what has reported itself as its runner."""
    folder = make_folder(elsewhere_home)
    with subprocess.Popen(["sleep", "600"]) as process:
        write_beside(folder.runner, ProcessIdentity.of(process.pid))
        yield folder, process
        process.kill()


def reason(found: Liveness | Outcome) -> Reason:
    assert isinstance(found, Outcome), found
    return found.reason


def test_a_runner_is_pending_alive_and_gone_with_its_outcome(
    runner: tuple[RunFolder, subprocess.Popen[bytes]],
) -> None:
    folder, process = runner
    launcher, reported = HostLauncher(), folder.runner.read_bytes()
    folder.runner.unlink()
    assert launcher.look(folder) is Liveness.PENDING
    folder.runner.write_bytes(reported)
    assert launcher.look(folder) is Liveness.ALIVE
    # as version 0.1.0 wrote it
    folder.exit.write_text(
        '{"reason":"program_failed","exit_code":3,"signal":null,"phase":"","message":"It failed."}'
    )
    wanted = Outcome(reason=Reason.PROGRAM_FAILED, exit_code=3, message="It failed.")
    assert launcher.look(folder) == wanted
    process.kill()
    process.wait()
    assert launcher.look(folder) == wanted


def test_a_runner_that_was_killed_has_lost_its_attempt(
    runner: tuple[RunFolder, subprocess.Popen[bytes]],
) -> None:
    folder, process = runner
    process.kill()
    process.wait()
    assert reason(HostLauncher().look(folder)) is Reason.LOST


def test_an_outcome_that_is_written_between_two_steps_of_a_look_counts(
    runner: tuple[RunFolder, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner writes it and ends just after the look has begun."""
    folder, process = runner
    done = Outcome(reason=Reason.COMPLETED, exit_code=0)
    is_alive = ProcessIdentity.is_alive

    def and_then_it_ends(identity: ProcessIdentity) -> bool:
        was_alive = is_alive(identity)
        write_beside(folder.exit, done)
        process.kill()
        process.wait()
        return was_alive

    monkeypatch.setattr(ProcessIdentity, "is_alive", and_then_it_ends)
    assert HostLauncher().look(folder) == done


def test_a_machine_that_was_rebooted_is_named(elsewhere_home: Path) -> None:
    folder = make_folder(elsewhere_home)
    write_beside(folder.runner, replace(ProcessIdentity.of(), boot="of yesterday"))
    assert reason(HostLauncher().look(folder)) is Reason.HOST_REBOOTED


def test_a_runner_that_never_reports_is_lost_after_a_while(
    elsewhere_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher, folder = HostLauncher(), make_folder(elsewhere_home)
    assert launcher.look(folder) is Liveness.PENDING
    now = monotonic_s()
    monkeypatch.setattr(host_launcher, "monotonic_s", lambda: now + 9)
    assert launcher.look(folder) is Liveness.PENDING
    monkeypatch.setattr(host_launcher, "monotonic_s", lambda: now + 11)
    assert reason(launcher.look(folder)) is Reason.LOST
    assert HostLauncher().look(folder) is Liveness.PENDING, "another agent waits as long"


def test_an_outcome_that_cannot_be_read_loses_the_attempt(
    runner: tuple[RunFolder, subprocess.Popen[bytes]],
) -> None:
    folder, _ = runner
    folder.exit.write_text("{")
    assert reason(HostLauncher().look(folder)) is Reason.LOST


def test_the_end_takes_the_runner_and_what_carries_its_folder_and_may_come_twice(
    runner: tuple[RunFolder, subprocess.Popen[bytes]], elsewhere_home: Path
) -> None:
    folder, process = runner
    other = make_folder(elsewhere_home)
    mark = "ELSEWHERE_RUN_FOLDER"
    with (
        subprocess.Popen(["sleep", "600"], env={mark: str(folder.path)}),
        subprocess.Popen(["sleep", "600"], env={mark: str(other.path)}) as foreign,
    ):
        try:
            for _ in range(2):
                HostLauncher().end(folder)
            assert process.wait(10) == -9
            assert marked(mark, str(folder.path)) == []
            assert foreign.poll() is None
        finally:
            kill([*marked(mark, str(folder.path)), *marked(mark, str(other.path))])
