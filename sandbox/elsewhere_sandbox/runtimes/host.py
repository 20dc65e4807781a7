"""Runs programs on this host, as the agent's own user."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.process import ProcessIdentity
from elsewhere.report.usage.host import HostUse
from elsewhere_sandbox import scope, tree
from elsewhere_sandbox.runtimes.api import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.events import Machine
    from elsewhere.core.folders import RunFolder
    from elsewhere_sandbox.command import Command
    from elsewhere_sandbox.scope import Scope
    from elsewhere_sandbox.setup import Setup
    from elsewhere_sandbox.spec import RunSpec

logger = logging.getLogger(__name__)

#: bytes that a program can print while nobody reads: the most that Linux gives without privilege
_PIPE_BYTES: Final = 1 << 20
#: marks the processes of an attempt, so that they can be found if its runner is killed
_MARK: Final = "ELSEWHERE_RUN_FOLDER"


class HostRuntime:
    """Starts from the main thread only: the signal at the parent's death is tied to the thread."""

    def __init__(self, folder: RunFolder, _spec: RunSpec) -> None:
        tree.become_subreaper()
        self._name = folder.path.name
        self._mark = {_MARK: str(folder.path)}

    def enter(self, setup: Setup) -> None:
        """This machine is ready."""

    def confine(self, memory_bytes: int) -> Scope | None:
        return scope.enter(self._name, memory_bytes)

    def start(self, command: Command) -> HostProcess:
        oom_kills = _oom_kills()
        reading, writing = os.pipe()
        enlarge(writing)
        try:
            process = subprocess.Popen(
                command.argv,
                cwd=command.folder,
                env={**command.environment, **self._mark},
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                preexec_fn=tree.die_with_parent,  # noqa: PLW1509 - one prctl call, no lock is taken
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return HostProcess(process, reading, oom_kills, command.environment)

    def signal(self, number: int) -> None:
        tree.signal_all(number)

    def end(self, grace_s: float) -> None:
        tree.end_all(grace_s)

    @staticmethod
    def end_left(folder: RunFolder) -> None:
        if pids := tree.kill(tree.marked(_MARK, str(folder.path))):
            logger.info("%s: left by its runner, SIGKILL: %s", folder.path.name, pids)


def enlarge(pipe: int) -> None:
    """Gives a pipe room for what a program prints while nobody reads, as far as the system has."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def python_version(venv: Path) -> str:
    """The version that a virtual environment names; empty where `venv` is not one."""
    with contextlib.suppress(OSError):
        for line in (venv / "pyvenv.cfg").read_text().splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "version":
                return value.strip()
    return ""


class HostProcess:
    """A `Process` on this host."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        output: int,
        oom_kills: int,
        environment: Mapping[str, str],
    ) -> None:
        self._process = process
        self._oom_kills = oom_kills
        self._environment = environment
        self.output = output
        self.identity = ProcessIdentity.of(process.pid)

    def poll(self) -> Exit | None:
        tree.reap(except_pid=self._process.pid)
        code = self._process.poll()
        if code is None:
            return None
        if code >= 0:
            return Exit(code=code)
        is_oom = code == -signal.SIGKILL and _oom_kills() > self._oom_kills
        return Exit(signal=-code, is_out_of_memory=is_oom)

    def usage(self) -> dict[str, float]:
        return self._use.usage()

    def machine(self) -> Machine:
        return self._use.machine()

    @cached_property
    def _use(self) -> HostUse:
        """All below this process, the runner: what leaves the program's tree becomes its child."""
        venv = Path(self._environment.get("VIRTUAL_ENV", sys.prefix))
        return HostUse(
            os.getpid(),
            lambda: self._environment.get("CUDA_VISIBLE_DEVICES"),
            with_root=False,
            python_exec=str(venv / "bin" / "python"),
            python_version=python_version(venv),
        )


def _oom_kills() -> int:
    """The number of times that this machine's kernel has killed for lack of memory."""
    with contextlib.suppress(OSError), open("/proc/vmstat", encoding="ascii") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
