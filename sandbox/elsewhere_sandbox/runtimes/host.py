"""Programs on this host, as the agent's own user."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from typing import TYPE_CHECKING, Final

from elsewhere.core.process import ProcessIdentity
from elsewhere_sandbox.runtimes.api import Exit
from elsewhere_sandbox.tree import die_with_parent, reap, signal_all

if TYPE_CHECKING:
    from elsewhere_sandbox.runtimes.api import Command

__all__ = ["HostProcess", "HostRuntime"]

#: bytes that a program can print while nobody reads: the most that Linux gives without privilege
_PIPE_BYTES: Final = 1 << 20


class HostRuntime:
    """Starts from the main thread only: the signal at the parent's end is tied to the thread."""

    def start(self, command: Command) -> HostProcess:
        reading, writing = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        try:
            process = subprocess.Popen(
                command.argv,
                cwd=command.folder,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call, no lock is taken
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return HostProcess(process, reading)


class HostProcess:
    """See `api.Process`."""

    def __init__(self, process: subprocess.Popen[bytes], output: int) -> None:
        self._process = process
        self.output = output
        self.identity = ProcessIdentity.of(process.pid)

    def poll(self) -> Exit | None:
        reap(except_pid=self._process.pid)
        code = self._process.poll()
        if code is None:
            return None
        return Exit(signal=-code) if code < 0 else Exit(code=code)

    def signal(self, number: int) -> None:
        signal_all(number)
