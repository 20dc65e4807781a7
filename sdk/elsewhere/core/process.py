"""The identity of a process: a pid is reused, a pid with its start time and boot is not."""

from __future__ import annotations

import os
import weakref
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable


def boot_id() -> str:
    """The id of this boot of the machine; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def at_fork(**methods: Callable[[], None]) -> None:
    """Registers bound methods with `os.register_at_fork`, as long as their object lives."""
    os.register_at_fork(**{when: _weakly(method) for when, method in methods.items()})


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    bound = weakref.WeakMethod(method)

    def call() -> None:
        if alive := bound():
            alive()

    return call


#: whose tasks this process makes, where it runs a task of somebody
USER: Final = "ELSEWHERE_USER"


def user_name() -> str:
    """The login name of who makes tasks in this process."""
    import pwd  # noqa: PLC0415 - weight

    try:
        return os.environ.get(USER) or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container that runs as a user without a name
        return str(os.getuid())


@cache
def machine_id() -> str:
    """The id of this machine; its host name where it has none, as in a container."""
    try:
        found = Path("/etc/machine-id").read_text().strip()
    except OSError:
        found = ""
    return found or os.uname().nodename


def _started(pid: int) -> str:
    """The start time of a live process in the system's own unit; empty for a dead one."""
    if os.path.isdir("/proc/self"):  # noqa: PTH112 - a pathlib import costs more than the check
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    import subprocess  # noqa: PLC0415 - weight: only macOS has no /proc

    found = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of this machine, in this boot or another one, or of another machine."""

    pid: int
    started: str
    boot: str
    machine: str

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessIdentity:
        """The identity of the process `pid`, by default this one; a dead one's is never alive."""
        pid = os.getpid() if pid is None else pid
        return cls(pid, _started(pid), boot_id(), machine_id())

    @property
    def is_here(self) -> bool:
        """False for a process of another machine, which may share a folder with this one."""
        return self.machine == machine_id()

    def is_alive(self) -> bool:
        """True only for the very same process: not a zombie, not a later one with its pid."""
        return bool(self.started) and self.boot == boot_id() and _started(self.pid) == self.started
