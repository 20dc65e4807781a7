"""The machine that the figures are from."""

from __future__ import annotations

import os
import platform
import subprocess
from typing import cast

from benchmarks.place import Place


def describe() -> str:
    with Place() as place:
        server = cast("dict[str, str]", place.store.redis.info("server"))
    name = "valkey" if "valkey_version" in server else "redis"
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True)
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python"
        f" {platform.python_version()}, {git.stdout.strip()}, {name} {server[f'{name}_version']}"
    )


def describe_load() -> str:
    """Whether somebody else was busy: figures of a busy machine say little."""
    load = os.getloadavg()[0]
    verdict = "quiet" if load < 0.5 else "NOT QUIET: others were busy"
    return f"load average {load:.2f} before the first benchmark ({verdict})"
