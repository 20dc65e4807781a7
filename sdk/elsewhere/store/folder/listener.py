"""Waking up by a short poll: there is nobody in a folder who could tell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from elsewhere.core.clock import monotonic_s

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["FolderListener"]

#: seconds between two looks
_LOOK_S: Final = 0.05


class FolderListener:
    """See `api.Listener`. `files`: channel -> the file that is written when something happened."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self._seen = {channel: _written(path) for channel, path in files.items()}

    def wait(self, timeout_s: float) -> list[str]:
        until = monotonic_s() + timeout_s
        while True:
            now = {channel: _written(path) for channel, path in self._files.items()}
            changed = [channel for channel in now if now[channel] != self._seen[channel]]
            self._seen = now
            left = until - monotonic_s()
            if changed or left <= 0:
                return [f"{channel} event" for channel in changed]
            time.sleep(min(_LOOK_S, left))

    def close(self) -> None:
        """There is nothing to give back."""


def _written(path: Path) -> tuple[int, int]:
    """Another one for each time that the file was put there."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)
