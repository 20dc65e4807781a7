"""What a test left behind: processes, also those that left its process tree, and threads."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import psutil

from tests.waiting import wait_until


class Before:
    """What was there before a test, and so is nobody's leftover."""

    def __init__(self) -> None:
        self.processes = set(psutil.Process().children(recursive=True))
        self.threads = set(threading.enumerate())


def end_and_name_leftovers(before: Before, home: Path, *, within_s: float = 3.0) -> list[str]:
    """One line for each leftover that does not end by itself within the limit; the processes are
    killed, so that they cannot disturb the next test.

    Leftover is a child of this process, a process anywhere with `home` as its ELSEWHERE_HOME, and
    a thread that would keep the interpreter from ending.
    """
    try:
        wait_until(lambda: not _processes(before, home) and not _threads(before), within_s=within_s)
    except AssertionError:
        return [
            *(_end_and_name(process) for process in _processes(before, home)),
            *(f"thread {thread.name}" for thread in _threads(before)),
        ]
    return []


def _processes(before: Before, home: Path) -> set[psutil.Process]:
    found = set(psutil.Process().children(recursive=True)) - before.processes
    marker = f"ELSEWHERE_HOME={home}".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal() or int(folder.name) == os.getpid():
            continue
        try:
            if marker in (folder / "environ").read_bytes().split(b"\0"):
                found.add(psutil.Process(int(folder.name)))
        except (OSError, psutil.NoSuchProcess):  # it has just ended, or is another user's
            continue
    return {process for process in found if _is_alive(process)}


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _threads(before: Before) -> list[threading.Thread]:
    return [
        thread
        for thread in threading.enumerate()
        if not thread.daemon and thread.is_alive() and thread not in before.threads
    ]


def _end_and_name(process: psutil.Process) -> str:
    try:
        name = f"process {process.pid}: {' '.join(process.cmdline())}"
        process.kill()
    except psutil.NoSuchProcess:
        return f"process {process.pid}, which ended late"
    return name
