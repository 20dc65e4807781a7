"""The launcher: at most one runner for an attempt, whatever happens to spares and callers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from elsewhere.core.folders import Home, RunFolder, read_json
from elsewhere.core.notes import Stop
from elsewhere_sandbox.spec import RunSpec, write
from elsewhere_worker.launcher import Launcher
from tests.stores import make_record
from tests.waiting import wait_until


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    before = set(psutil.Process().children())
    launcher = Launcher()
    yield launcher
    launcher.close()
    wait_until(lambda: have_ended(set(psutil.Process().children()) - before), within_s=20)
    launcher.prepare_spare()  # takes leave of those that ended
    launcher.close()


def have_ended(children: set[psutil.Process]) -> bool:
    """Zombies have, too."""
    return all(child.status() == psutil.STATUS_ZOMBIE for child in children)


def make_folder(home: Path) -> RunFolder:
    """Without a spec: its runner ends at once, with an outcome that says so."""
    return Home(home).run(make_record().id, 1).create()


def runners() -> list[psutil.Process]:
    """Living runners that this process has started."""
    found = []
    for process in psutil.Process().children():
        try:
            if (
                "elsewhere_sandbox" in process.cmdline()
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def has_run(folder: RunFolder) -> None:
    wait_until(lambda: read_json(folder.exit), within_s=20, what="its runner has run")


@pytest.mark.parametrize("with_spare", [True, False])
def test_a_folder_gets_a_runner_once(
    launcher: Launcher, elsewhere_home: Path, with_spare: bool
) -> None:
    folder = make_folder(elsewhere_home)
    if with_spare:
        launcher.prepare_spare()
        launcher.prepare_spare()
        wait_until(runners)
        assert len(runners()) == 1
    assert launcher.launch(folder)
    assert not launcher.launch(folder)
    assert not Launcher().launch(folder), "another agent on the same folder"
    has_run(folder)


def test_of_many_that_launch_a_folder_one_does(launcher: Launcher, elsewhere_home: Path) -> None:
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


def test_a_spare_that_died_is_replaced(launcher: Launcher, elsewhere_home: Path) -> None:
    launcher.prepare_spare()
    (spare,) = wait_until(runners)
    spare.kill()
    wait_until(lambda: not runners())
    folder = make_folder(elsewhere_home)
    assert launcher.launch(folder)
    has_run(folder)


def test_a_spare_goes_home_when_it_is_not_needed(launcher: Launcher) -> None:
    launcher.prepare_spare()
    wait_until(runners)
    launcher.close()
    launcher.close()
    assert runners() == []


def test_a_spare_ends_with_its_agent(elsewhere_home: Path) -> None:
    script = (
        "import os, time\nfrom elsewhere_worker.launcher import Launcher\n"
        "launcher = Launcher()\nlauncher.prepare_spare()\n"
        "print(launcher._spare.pid, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    argv = [sys.executable, "-c", script]
    printed = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    spare = int(printed)
    wait_until(lambda: not psutil.pid_exists(spare), within_s=20, what="the spare is gone")


def test_runners_at_work_go_on_without_their_launcher(
    launcher: Launcher, elsewhere_home: Path
) -> None:
    """A runner is detached: in a session of its own, with nothing of the agent's open."""
    folder = make_folder(elsewhere_home)
    spec = RunSpec(record=make_record(), home=str(elsewhere_home))
    write(spec, folder)
    Stop().write(folder)
    os.mkfifo(folder.output)  # it waits there
    assert launcher.launch(folder)
    wait_until(folder.runner_log.exists, within_s=20)
    (runner,) = runners()
    launcher.close()
    assert os.getsid(runner.pid) == runner.pid
    links = {os.readlink(f"/proc/{runner.pid}/fd/{n}") for n in (0, 1, 2)}  # noqa: PTH115
    assert links == {os.devnull, str(folder.runner_log)}
    with folder.output.open("rb"):
        has_run(folder)


def test_a_machine_without_a_runner_is_an_error(
    launcher: Launcher, elsewhere_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(OSError, match="/nonexistent/python"):
        launcher.launch(make_folder(elsewhere_home))
