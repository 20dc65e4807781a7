"""Launches runners on this host: detached, at most one per attempt, without import time.

A launch is one line into the pipe of a fork server, which has everything imported and forks the
runner. When the agent ends, the server's input ends, and then the server; its runners go on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Reason
from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import RecordError
from elsewhere.core.notes import read_outcome, read_runner
from elsewhere.core.process import boot_id
from elsewhere.core.records import Outcome
from elsewhere_sandbox.runtimes import RUNTIMES
from elsewhere_worker.launcher import Liveness

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.core.folders import RunFolder

logger = logging.getLogger(__name__)

#: seconds that a launched runner has to report its identity
_APPEAR_S: Final = 10.0


class HostLauncher:
    """A `Launcher` for this host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._appear_until: dict[Path, float] = {}

    def launch(self, folder: RunFolder) -> bool:
        try:
            os.close(os.open(folder.launched, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        with self._lock:
            if not (_send(self._served(), folder) or _send(self._served(), folder)):
                raise OSError(f"No runner can be started with {sys.executable}.")
        logger.info("%s: launched", folder.path.name)
        return True

    def look(self, folder: RunFolder) -> Liveness | Outcome:
        runner = read_runner(folder)
        # Before the outcome is read: a runner that is dead by now has written it, or never will.
        is_alive = runner is not None and runner.is_alive()
        try:
            outcome = read_outcome(folder)
        except RecordError as error:
            return Outcome(reason=Reason.LOST, message=str(error))
        if outcome is not None:
            return outcome
        if runner is None:
            return self._awaited(folder)
        self._appear_until.pop(folder.path, None)
        if is_alive:
            return Liveness.ALIVE
        if runner.boot != boot_id():
            message = "Its machine was rebooted while it ran."
            return Outcome(reason=Reason.HOST_REBOOTED, message=message)
        message = "Its runner was killed; the program was ended with it."
        return Outcome(reason=Reason.LOST, message=message)

    def _awaited(self, folder: RunFolder) -> Liveness | Outcome:
        until = self._appear_until.setdefault(folder.path, monotonic_s() + _APPEAR_S)
        if monotonic_s() <= until:
            return Liveness.PENDING
        return Outcome(reason=Reason.LOST, message="Its runner never started.")

    def end(self, folder: RunFolder) -> None:
        runner = read_runner(folder)
        if runner is not None and runner.is_alive():
            logger.warning("%s: runner %d SIGKILL", folder.path.name, runner.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(runner.pid, signal.SIGKILL)
        for runtime in RUNTIMES.values():
            runtime.end_left(folder)

    def prepare(self) -> None:
        with self._lock:
            self._served()

    def close(self) -> None:
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            _leave(server)

    def _served(self) -> subprocess.Popen[bytes]:
        """The fork server, started again if it has ended."""
        if self._server is not None and self._server.poll() is not None:
            _leave(self._server)
            self._server = None
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, "-P", "-m", "elsewhere_sandbox", "--serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                bufsize=0,  # a server that is gone is noticed by the write
            )
        return self._server


def _send(server: subprocess.Popen[bytes], folder: RunFolder) -> bool:
    """Sends the server a folder. Returns False if the server ended before that."""
    assert server.stdin is not None
    try:
        server.stdin.write(f"{folder.path}\n".encode())
    except BrokenPipeError:
        server.wait()
        return False
    return True


def _leave(server: subprocess.Popen[bytes]) -> None:
    """Closes the server's input, and waits for its end."""
    assert server.stdin is not None
    server.stdin.close()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
