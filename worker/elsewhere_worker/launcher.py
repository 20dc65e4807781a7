"""Starting runners: detached, at most once per attempt, without waiting for imports.

A spare runner has everything imported and waits for the path of its run folder, so that the next
launch costs one line into a pipe. When the agent ends, the spare's input ends, and so it does.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder

__all__ = ["Launcher"]

logger = logging.getLogger(__name__)


class Launcher:
    """Threads may share it."""

    def __init__(self, *, keeps_spare: bool = True) -> None:
        self._keeps_spare = keeps_spare
        self._lock = threading.Lock()
        self._spare: subprocess.Popen[bytes] | None = None
        self._launched: list[subprocess.Popen[bytes]] = []

    def launch(self, folder: RunFolder) -> bool:
        """Starts the runner of a folder. False when that was tried before: never a second one."""
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

    def prepare_spare(self) -> None:
        """Starts a spare runner where there is none, and takes leave of runners that ended."""
        with self._lock:
            self._launched = [runner for runner in self._launched if runner.poll() is None]
            if self._keeps_spare and (self._spare is None or self._spare.poll() is not None):
                self._spare = _start()

    def close(self) -> None:
        """Sends the spare home; runners at work go on."""
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
    """None when the runner has ended before it was told anything."""
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
