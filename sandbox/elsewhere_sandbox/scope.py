"""A scope of systemd: the control group (version 2) of one attempt, in which the kernel itself
limits the memory. Root asks the system's manager for it, and everybody else their own, which lives
without a session where `loginctl enable-linger` was called."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from elsewhere.core.clock import monotonic_s

logger = logging.getLogger(__name__)

_GROUPS: Final = Path("/sys/fs/cgroup")
#: seconds for the manager to answer, and then to move this process
_LIMIT_S: Final = 5.0
_LOOK_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope that this process is in: `group` is the folder of its control group."""

    group: Path

    @property
    def kills(self) -> int:
        """How many of its processes the kernel has killed for lack of memory."""
        for line in _text(self.group / "memory.events").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
        return 0

    @property
    def peak_bytes(self) -> int:
        """The most memory that it had, with files that were read; 0 where that is not known."""
        return int(_text(self.group / "memory.peak") or 0)


def enter(name: str, memory_bytes: int) -> Scope | None:
    """Moves this process, and so all that it starts from now on, into a new scope, in which all
    together get no more memory. None where there is none to be had."""
    if not (_GROUPS / "cgroup.controllers").exists() or not (busctl := shutil.which("busctl")):
        return None
    unit = f"elsewhere-{name}.scope"
    manager, environment = "--system", dict(os.environ)
    if os.geteuid():
        manager = "--user"
        environment["XDG_RUNTIME_DIR"] = f"/run/user/{os.geteuid()}"
    # Delegate: else a newer systemd ends the whole scope, the runner too, as the kernel kills.
    properties = (
        *("5", "PIDs", "au", "1", str(os.getpid()), "Delegate", "b", "true"),
        *("MemoryMax", "t", str(memory_bytes), "MemorySwapMax", "t", "0"),
        *("CollectMode", "s", "inactive-or-failed"),
    )
    service, place = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
    argv = (
        *(busctl, manager, "call", service, place, f"{service}.Manager", "StartTransientUnit"),
        *("ssa(sv)a(sa(sv))", unit, "fail", *properties, "0"),
    )
    try:
        subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        why = getattr(error, "stderr", b"") or str(error).encode()
        logger.info("systemd gives no scope: %s", why.decode(errors="replace").strip())
        return None
    return _entered(unit)


def _entered(unit: str) -> Scope | None:
    """The scope, once this process is in it; None if it does not limit memory."""
    until = monotonic_s() + _LIMIT_S
    while monotonic_s() < until:
        path = _text(Path("/proc/self/cgroup")).strip().rpartition("0::/")[2]
        if path.endswith(unit):
            group = _GROUPS / path
            return Scope(group) if (group / "memory.max").exists() else None
        time.sleep(_LOOK_S)
    logger.info("systemd has not moved this process into %s", unit)
    return None


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text("ascii")
    return ""
