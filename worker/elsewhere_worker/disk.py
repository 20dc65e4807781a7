"""The room on the disk of the run folders."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

#: free bytes below which a disk counts as full
_FULL_BYTES: Final = 1 << 20


def full_disk(folder: Path) -> str:
    """A sentence if the disk of `folder` is full; empty if it is not, or if that is not known."""
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError:
        return ""
    if free_bytes >= _FULL_BYTES:
        return ""
    return (
        f"The disk of {folder} on {socket.gethostname()} is full: what tasks print now may be lost."
        " Make room there."
    )
