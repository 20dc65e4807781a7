"""Runs programs on this host, as the agent's own user."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Final

from elsewhere.core.process import ProcessIdentity
from elsewhere.report.resources import sample
from elsewhere_sandbox import tree
from elsewhere_sandbox.runtimes.api import Exit

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder
    from elsewhere_sandbox.runtimes.api import Command

logger = logging.getLogger(__name__)

#: bytes that a program can print while nobody reads: the most that Linux gives without privilege
_PIPE_BYTES: Final = 1 << 20
#: marks the processes of an attempt, so that they can be found if its runner is killed
_MARK: Final = "ELSEWHERE_RUN_FOLDER"


class HostRuntime:
    """Starts from the main thread only: the signal at the parent's death is tied to the thread."""

    def __init__(self, folder: RunFolder) -> None:
        tree.become_subreaper()
        self._mark = {_MARK: str(folder.path)}

    def start(self, command: Command) -> HostProcess:
        oom_kills = _oom_kills()
        reading, writing = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
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
        return HostProcess(process, reading, oom_kills)

    def signal(self, number: int) -> None:
        tree.signal_all(number)

    def end(self, grace_s: float) -> None:
        tree.end_all(grace_s)

    @staticmethod
    def end_left(folder: RunFolder) -> None:
        if pids := tree.kill(tree.marked(_MARK, str(folder.path))):
            logger.info("%s: left by its runner, SIGKILL: %s", folder.path.name, pids)


class HostProcess:
    """A `Process` on this host."""

    def __init__(self, process: subprocess.Popen[bytes], output: int, oom_kills: int) -> None:
        self._process = process
        self._oom_kills = oom_kills
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
        return sample([self.identity.pid])


def _oom_kills() -> int:
    """The number of times that this machine's kernel has killed for lack of memory."""
    with contextlib.suppress(OSError), open("/proc/vmstat", encoding="ascii") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
