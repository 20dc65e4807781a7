"""Waking up by a short poll: a folder notifies nobody."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from elsewhere.core.clock import monotonic_s

if TYPE_CHECKING:
    from pathlib import Path

#: seconds between two looks
_LOOK_S: Final = 0.05


class FolderListener:
    """See `api.Listener`. `file` is written whenever something happens."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = _written(file)

    def wait(self, timeout_s: float) -> list[str]:
        until = monotonic_s() + timeout_s
        while True:
            seen, self._seen = self._seen, _written(self._file)
            left = until - monotonic_s()
            if self._seen != seen or left <= 0:
                return ["changed"] if self._seen != seen else []
            time.sleep(min(_LOOK_S, left))

    def close(self) -> None:
        """Does nothing: no resource is held."""


def _written(path: Path) -> tuple[int, int]:
    """Returns a mark of the file that differs after each time it was put there."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)
