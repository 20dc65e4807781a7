"""Launches runners on this host: detached, at most one per attempt, without import time.

A spare runner has everything imported and waits for the path of its run folder, so that the next
launch costs one line into a pipe. When the agent ends, the spare's input ends, and then the spare.
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

    def __init__(self, *, keeps_spare: bool = True) -> None:
        self._keeps_spare = keeps_spare
        self._lock = threading.Lock()
        self._spare: subprocess.Popen[bytes] | None = None
        self._launched: list[subprocess.Popen[bytes]] = []
        self._appear_until: dict[Path, float] = {}

    def launch(self, folder: RunFolder) -> bool:
        try:
            os.close(os.open(folder.launched, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        with self._lock:
            spare, self._spare = self._spare, None
            runner = _send(spare or _start(), folder) or _send(_start(), folder)
            if runner is None:
                raise OSError(f"No runner can be started with {sys.executable}.")
            self._launched.append(runner)
        logger.info("%s: runner %d", folder.path.name, runner.pid)
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

    def prepare_spare(self) -> None:
        """Starts a spare runner if there is none, and reaps the runners that ended."""
        with self._lock:
            self._launched = [runner for runner in self._launched if runner.poll() is None]
            if self._keeps_spare and (self._spare is None or self._spare.poll() is not None):
                self._spare = _start()

    def close(self) -> None:
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None:
            assert spare.stdin is not None
            spare.stdin.close()
            try:
                spare.wait(timeout=10)
            except subprocess.TimeoutExpired:
                spare.kill()
                spare.wait()


def _send(runner: subprocess.Popen[bytes], folder: RunFolder) -> subprocess.Popen[bytes] | None:
    """Sends a runner its folder. Returns None if the runner ended before that."""
    assert runner.stdin is not None
    try:
        runner.stdin.write(f"{folder.path}\n".encode())
        runner.stdin.close()
    except BrokenPipeError:
        runner.stdin.close()
        runner.wait()
        return None
    return runner


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "elsewhere_sandbox", "--wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,  # a runner that is gone is noticed by the write
    )
