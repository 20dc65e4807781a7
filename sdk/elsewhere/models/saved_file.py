"""A file or folder that a framework has saved, which the program may still rename or delete."""

from __future__ import annotations

import os
import weakref
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

#: what tells one file from another, and a version of it from the next; a rename changes none of it
_Mark: TypeAlias = "tuple[int, int, int]"

#: entries of a folder that are looked at for a renamed file
_MOST_ENTRIES: Final = 10_000
#: folders above a file that may be renamed with it
_ABOVE: Final = 2
#: seconds by which a file system's clock may be behind
_CLOCKS_S: Final = 1.0


class SavedFile:
    """The weights at `path`, in the version of the moment in which this object is made.

    A program may save under a temporary name and rename the file, or a folder above it, once it is
    whole: `follow` finds it again by its inode, size and time.
    """

    def __init__(self, path: Path, begun_at: float, *, is_held: bool) -> None:
        """`begun_at` is the time at which the saving began. `is_held`: until `release` the
        bytes of a file can be read even if the program deletes it. Raises OSError."""
        self.path = path
        self.is_folder = path.is_dir()
        self._begun_at = begun_at
        self._descriptor: int | None = None
        if is_held and not self.is_folder:
            self._descriptor = os.open(path, os.O_RDONLY)
            self._close = weakref.finalize(self, os.close, self._descriptor)
            self._close.atexit = False  # the last weights are copied then
        first = next(iter(self.members()), path) if self.is_folder else path
        self._witness = first.relative_to(path)
        self._mark = _mark(first)

    @property
    def is_held(self) -> bool:
        return self._descriptor is not None

    @property
    def bytes_at(self) -> Path:
        """Where the bytes can be read."""
        return self.path if self._descriptor is None else Path(f"/dev/fd/{self._descriptor}")

    def release(self) -> None:
        """Lets the bytes go, which nobody may be reading."""
        if self._descriptor is not None:
            self._descriptor = None
            self._close()

    def follow(self) -> bool:
        """Finds the file where it was renamed to; False if it is gone. One that was written anew at
        its path is there."""
        if self._is_at(self.path):
            return True
        for above in (self.path, *islice(self.path.parents, _ABOVE)):
            for other in _entries(above.parent):
                path = other / self.path.relative_to(above)
                if self._is_at(path):
                    self.path = path
                    return True
        return is_there(self.path)

    def members(self) -> tuple[Path, ...]:
        """The files of a folder that were written since the saving began: others that lie there,
        such as the code or earlier checkpoints, are not the model's. All, where none seem to be."""
        since = self._begun_at - _CLOCKS_S
        return tuple(sorted(_files(self.path, since) or _files(self.path, 0.0)))

    def version(self) -> tuple[_Mark | None, ...]:
        """Equal as long as the bytes are the same ones."""
        return tuple(map(_mark, self.members() if self.is_folder else (self.bytes_at,)))

    def _is_at(self, path: Path) -> bool:
        return self._mark is not None and _mark(path / self._witness) == self._mark


def is_there(path: Path) -> bool:
    """Whether the path can be seen; nothing is raised where it must not."""
    return _mark(path) is not None


def _mark(path: Path) -> _Mark | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _files(folder: Path, since: float) -> list[Path]:
    """The files in the folder, and in folders below it, that have changed `since` that time."""
    young = [path for path in _entries(folder) if _changed_at(path) >= since]
    below = [file for path in young if path.is_dir() for file in _files(path, since)]
    return [path for path in young if path.is_file()] + below


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_ctime
    except OSError:  # it was deleted just now
        return -1.0


def _entries(folder: Path) -> list[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        return [Path(entry) for entry in islice(entries, _MOST_ENTRIES) if not entry.is_symlink()]
    return []
