"""The limits that a container, or a scheduler, has set on a process: Linux's control groups."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

#: the memory of the machine
MACHINE_BYTES: Final = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class MemoryLimit(NamedTuple):
    """`used_bytes` are without what the kernel would give back at once: files read a while ago."""

    limit_bytes: int
    used_bytes: int


class CpuLimit(NamedTuple):
    """`cores` that may be busy at the same time, and the seconds `used_s` of them so far."""

    cores: float
    used_s: float


class Cgroup:
    """The control group of a process, by default of this one, and those around it, below the folder
    `root`: version 2, or 1 where that has the controller. Of several limits the tightest counts;
    one that is not below what the machine has is none, as version 1 spells it."""

    def __init__(self, root: Path = Path("/"), process: str = "self") -> None:
        paths = _paths(root, process)
        self._is_1 = "memory" in paths
        self._of_memory = _groups(root, paths, "memory")
        self._of_cpu = _groups(root, paths, "cpu")

    def memory(self) -> MemoryLimit | None:
        """The limit of the group with the least room; None without a limit."""
        found = filter(None, map(self._memory_of, self._of_memory))
        return min(found, key=lambda one: one.limit_bytes - one.used_bytes, default=None)

    def cpu(self) -> CpuLimit | None:
        """The limit of the group with the fewest cores; None without a limit."""
        found = filter(None, map(_cpu_of, self._of_cpu))
        return min(found, key=lambda one: one.cores, default=None)

    def _memory_of(self, group: Path) -> MemoryLimit | None:
        limit_in, used_in, old_files = _MEMORY_1 if self._is_1 else _MEMORY_2
        limit = _number(group / limit_in)
        used = _number(group / used_in)
        if limit is None or used is None or limit >= MACHINE_BYTES:
            return None
        return MemoryLimit(limit, max(0, used - _listed(group / "memory.stat", old_files)))


#: files of the limit and of the use, and the line of memory.stat about old files
_MEMORY_1: Final = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_MEMORY_2: Final = ("memory.max", "memory.current", "inactive_file")


def _paths(root: Path, process: str) -> dict[str, str]:
    """Maps each controller of version 1, and "" for version 2, to the group of the process."""
    found: dict[str, str] = {}
    for line in _text(root / "proc" / process / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        found.update(dict.fromkeys(controllers.split(","), path))
    return found


def _groups(root: Path, paths: dict[str, str], controller: str) -> list[Path]:
    """The folders of the group and of those around it. A container may see its own group as the
    root, under a path that exists on the host alone."""
    top = root / "sys/fs/cgroup"
    if controller in paths:
        top = top / controller
    inside = Path(paths.get(controller, paths.get("", "")).lstrip("/"))
    if ".." in inside.parts:
        return [top]
    return [folder for part in (inside, *inside.parents) if (folder := top / part).is_dir()]


def _cpu_of(group: Path) -> CpuLimit | None:
    quota, _, period = _text(group / "cpu.max").strip().partition(" ")
    used_us = _listed(group / "cpu.stat", "usage_usec")
    if not quota:  # version 1
        quota = _text(group / "cpu.cfs_quota_us").strip()
        period = _text(group / "cpu.cfs_period_us").strip()
        used_us = (_number(group / "cpuacct.usage") or 0) // 1000
    if not (quota.isdigit() and period.isdigit() and int(period) and used_us):
        return None  # "max" in version 2, -1 in version 1
    cores = int(quota) / int(period)
    return CpuLimit(cores, used_us / 1e6) if cores < (os.cpu_count() or 1) else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _listed(path: Path, name: str) -> int:
    """The number behind `name` in a file of lines; 0 where it is not listed."""
    for line in _text(path).splitlines():
        first, _, number = line.partition(" ")
        if first == name and number.strip().isdigit():
            return int(number)
    return 0
