"""The files that a program has written below its code folder, and the removal of all others.

A file is its own if its status changed after the marker `begun`, which the runner leaves just
before the program: nobody can set the time of that, as that of a modification (`cp -p`, archives).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.core.folders import RunFolder

#: folders that hold nothing of a run's results
_SKIPPED: Final = (".git", "__pycache__")
#: how a folder is opened
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def begin(folder: RunFolder) -> None:
    """Leaves the marker. Raises OSError."""
    folder.begun.touch()


def written(folder: RunFolder) -> Iterator[tuple[str, os.stat_result]]:
    """Yields each file that the program wrote: its path, relative to the code folder, and what
    `lstat` gives."""
    since_ns = _since_ns(folder)
    if since_ns is None:
        return
    for path, found in _files(folder.code):
        if found.st_ctime_ns > since_ns:
            yield os.path.relpath(path, folder.code), found


def open_written(folder: RunFolder, path: str) -> int:
    """Opens for reading the file that the program wrote at `path`, relative to the code folder.

    No link is followed, also none that a program puts in the way meanwhile. Raises OSError, and
    RecordError for what is not such a file.
    """
    parts = path.split("/")
    if {"", ".", "..", *_SKIPPED} & {*parts} or "\0" in path:
        raise RecordError(f"{path!r} cannot be a file that the run wrote.")
    descriptor = os.open(folder.code, _FOLDER)
    try:
        for part in parts[:-1]:
            descriptor = _stepped(descriptor, part, _FOLDER)
        descriptor = _stepped(descriptor, parts[-1], os.O_RDONLY | os.O_NONBLOCK)
        found, since_ns = os.fstat(descriptor), _since_ns(folder)
        if not stat.S_ISREG(found.st_mode) or since_ns is None or found.st_ctime_ns <= since_ns:
            raise RecordError(f"{path!r} is not a plain file that the run wrote.")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _stepped(folder: int, name: str, flags: int) -> int:
    """Opens `name` in the open `folder`, which is closed for it."""
    found = os.open(os.fsencode(name), flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    os.close(folder)
    return found


def remove_others(folder: RunFolder) -> None:
    """Removes from the code folder what the program has not written, and empty folders."""
    since_ns = _since_ns(folder)
    for parent, folders, names in os.walk(folder.code, topdown=False):
        is_skipped = not {*Path(parent).relative_to(folder.code).parts}.isdisjoint(_SKIPPED)
        for name in (*names, *folders):
            path = Path(parent, name)
            with suppress(OSError):
                found = path.lstat()
                is_own = since_ns is not None and found.st_ctime_ns > since_ns
                if stat.S_ISDIR(found.st_mode):
                    path.rmdir()
                elif is_skipped or not is_own:
                    path.unlink()
    with suppress(OSError):
        folder.code.rmdir()


def _since_ns(folder: RunFolder) -> int | None:
    try:
        return folder.begun.stat().st_ctime_ns
    except OSError:
        return None


def _files(top: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for parent, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            path = Path(parent, name)
            with suppress(OSError):
                found = path.lstat()
                if stat.S_ISREG(found.st_mode):
                    yield path, found
