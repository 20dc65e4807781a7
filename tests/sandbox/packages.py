"""What tests of installing share: a folder of wheels as the only index, and a home that is warm."""

from __future__ import annotations

import os
from pathlib import Path

from elsewhere.core.folders import Home


def inherited_variables(folder: Path, wheels: Path) -> dict[str, str]:
    """The agent's environment: no network, no settings of the machine's user, nothing in HOME."""
    wheels.mkdir(parents=True, exist_ok=True)
    home = folder / "user"
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "ELSEWHERE_REDIS_URL": "redis://:secret@example.org",
        "UV_FIND_LINKS": str(wheels),
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_INDEX": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }


def warm_home(path: Path, seed: Path) -> Home:
    """A home that shares virtualenv's unpacked pip with the other tests."""
    home = Home(path).ensure()
    home.environments.mkdir(exist_ok=True)
    seed.mkdir(exist_ok=True)
    if not (home.environments / "seed").exists():
        (home.environments / "seed").symlink_to(seed)
    return home
