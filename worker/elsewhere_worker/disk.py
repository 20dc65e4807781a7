"""The disk of the run folders: whether it is full, which its tasks have to know."""

from __future__ import annotations

import logging
import shutil
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from elsewhere_worker.duty import Troubles
    from elsewhere_worker.supervision import Supervision

logger = logging.getLogger(__name__)

#: free bytes below which a disk counts as full
_FULL_BYTES: Final = 1 << 20


class FullDisk:
    """Notes that the disk of `folder` is full. `problem` is a sentence while it is."""

    def __init__(self, folder: Path, troubles: Troubles) -> None:
        self._folder = folder
        self._troubles = troubles
        self.problem = ""

    def look(self, supervisions: Iterable[Supervision]) -> None:
        """Names a full disk in the log, and in the status messages of the tasks that run."""
        found = full_disk(self._folder)
        if found and not self.problem:
            logger.warning("%s", found)
        elif self.problem and not found:
            logger.info("there is room on the disk again")
        self.problem = found
        for supervision in supervisions:
            with self._troubles.noted("note the full disk"):
                supervision.note_disk(found)


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
