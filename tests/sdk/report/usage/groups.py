"""Control groups as files, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

MB = 1 << 20


def write_groups(top: Path, own: str, files: Mapping[str, object]) -> Path:
    """Makes `top` a root folder with /proc/self/cgroup, which reads `own`, and with `files` below
    /sys/fs/cgroup. Returns `top`."""
    written: dict[str, Any] = {"proc/self/cgroup": own}
    written |= {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in written.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return top


def limited(top: Path, *, memory_mb: int, used_mb: int, cores: float, used_s: float) -> Path:
    """A container of version 2 that has these limits."""
    files = {
        "memory.max": memory_mb * MB,
        "memory.current": used_mb * MB,
        "cpu.max": f"{cores * 100_000:.0f} 100000",
        "cpu.stat": f"usage_usec {used_s * 1e6:.0f}",
    }
    return write_groups(top, "0::/", files)
