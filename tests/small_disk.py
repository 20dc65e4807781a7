"""A small disk of its own for a process: a tmpfs that nobody else sees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

#: marks a test that needs one
needs_small_disk = pytest.mark.skipif(
    subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0,
    reason="only root may mount a small disk",
)


def on_small_disk(folder: Path, size: str) -> list[str]:
    """The beginning of a command to which `folder` is an empty disk of this `size`."""
    script = f'mount -t tmpfs -o size={size} none "$0" && exec "$@"'
    return ["unshare", "-m", "sh", "-c", script, str(folder)]
