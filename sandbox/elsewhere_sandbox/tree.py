"""Finds every process that descends from this one, and ends them all.

The runner is a sub-reaper: whatever its program started, in sessions of their own or forked twice,
becomes a child of the runner when its parent ends. So nothing escapes.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
#: seconds between two looks at what is left
_LOOK_S: Final = 0.02
#: seconds that killed processes have to be gone
_GONE_S: Final = 5.0

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Makes the orphans of this process's tree its own children from now on."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def die_with_parent() -> None:
    """Asks for a SIGTERM to this process when its parent ends; called between fork and exec."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def reap(except_pid: int = 0) -> None:
    """Takes the exit status of ended children that nobody else waits for."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in (0, except_pid):
            return
        os.waitpid(ended.si_pid, 0)


def signal_all(number: int) -> list[int]:
    """Sends a signal to every living descendant. Returns their pids."""
    return _send(psutil.Process().children(recursive=True), number)


def signal_below(pid: int, number: int) -> list[int]:
    """The same for the descendants of the process `pid`."""
    try:
        return _send(psutil.Process(pid).children(recursive=True), number)
    except psutil.Error:
        return []


def end_all(grace_s: float) -> bool:
    """Ends all descendants: SIGTERM to all, SIGKILL to those that are left after `grace_s`.

    Returns when none is left; True when there were any.
    """
    signalled: set[int] = set()
    until = time.monotonic() + grace_s
    while True:
        reap()
        left = _alive(psutil.Process().children(recursive=True))
        if not left:
            return bool(signalled)
        if new := [process for process in left if process.pid not in signalled]:
            signalled.update(process.pid for process in new)
            logger.info("left behind by the program, SIGTERM: %s", _send(new, signal.SIGTERM))
        if time.monotonic() >= until:
            logger.info("SIGKILL after %.1f s: %s", grace_s, _send(left, signal.SIGKILL))
        time.sleep(_LOOK_S)


def marked(variable: str, value: str) -> list[psutil.Process]:
    """Living processes of this user with `variable=value` in their environment."""
    wanted = f"{variable}={value}".encode()
    found = []
    for path in Path("/proc").iterdir():
        if not path.name.isdigit() or int(path.name) == os.getpid():
            continue
        try:
            if wanted in (path / "environ").read_bytes().split(b"\0"):
                found.append(psutil.Process(int(path.name)))
        except (OSError, psutil.Error):
            continue
    return found


def kill(processes: Collection[psutil.Process]) -> list[int]:
    """Kills the `processes`. Returns their pids when they are gone, or after some seconds."""
    sent = _send(processes, signal.SIGKILL)
    psutil.wait_procs(processes, timeout=_GONE_S)
    return sent


def _send(processes: Iterable[psutil.Process], number: int) -> list[int]:
    sent = []
    for process in _alive(processes):
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
            sent.append(process.pid)
    return sent


def _alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    left = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
    return left
