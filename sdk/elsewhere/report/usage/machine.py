"""The facts about this machine that explain how a task ran on it."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.machine_events import Machine
from elsewhere.report.usage.cgroup import MACHINE_BYTES

if TYPE_CHECKING:
    from elsewhere.report.usage.cgroup import Cgroup
    from elsewhere.report.usage.gpus import GpuFacts

_GB: Final = 1024**3


def this_machine(
    cgroup: Cgroup, gpus: GpuFacts, python_exec: str, python_version: str = ""
) -> Machine:
    """This machine, with the limits of `cgroup` and these `gpus`. The task's Python is
    `python_exec`, of this process's version unless `python_version` names another."""
    name, cpu, memory = os.uname(), cgroup.cpu(), cgroup.memory()
    return Machine(
        hostname=name.nodename,
        # Not by the module platform, which starts a process for the processor's name.
        platform=f"{name.sysname}-{name.release}-{name.machine}",
        os=_system() or name.sysname,
        processor=_processor() or name.machine,
        cpu_cores=os.cpu_count() or 0,
        cpu_limit_cores=round(cpu.cores, 2) if cpu else 0.0,
        memory_gb=round(MACHINE_BYTES / _GB, 1),
        memory_limit_gb=round(memory.limit_bytes / _GB, 1) if memory else 0.0,
        disk_gb=_disk_gb(),
        python_version=python_version or ".".join(map(str, sys.version_info[:3])),
        python_exec=python_exec,
        gpu_count=len(gpus.types),
        gpu_type=", ".join(gpus.types),
        gpu_memory=", ".join(f"{size:g}GB" if size else "unknown" for size in gpus.memories_gb),
        gpu_driver_version=gpus.driver_version,
        cuda_version=gpus.cuda_version,
    )


@cache
def _system() -> str:
    """The name of the system, as `Debian GNU/Linux 12 (bookworm)`; empty where it has none."""
    return _first("/etc/os-release", "PRETTY_NAME=").strip('"')


@cache
def _processor() -> str:
    """The model of the processors, which not each architecture has; empty where it is not known."""
    return _first("/proc/cpuinfo", "model name").lstrip("\t :")


def _first(path: str, beginning: str) -> str:
    """The rest of the first line of a file that has this `beginning`; empty without one."""
    with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - thousands of lines, of which the first ones tell
        for line in file:
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()
    return ""


@cache
def _disk_gb() -> float:
    """The size of the home's disk, which grows and shrinks on some systems; 0 if it is hidden."""
    with suppress(OSError):
        return round(shutil.disk_usage(Path.home()).total / _GB, 1)
    return 0.0
