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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.core.folders import RunFolder

#: folders that hold nothing of a run's results
_SKIPPED: Final = (".git", "__pycache__")


def begin(folder: RunFolder) -> None:
    """Leaves the marker. Raises OSError."""
    folder.begun.touch()


def written(folder: RunFolder) -> Iterator[tuple[str, int]]:
    """Yields path, relative to the code folder, and size of each file that the program wrote."""
    since_ns = _since_ns(folder)
    if since_ns is None:
        return
    for path, found in _files(folder.code):
        if found.st_ctime_ns > since_ns:
            yield os.path.relpath(path, folder.code), found.st_size


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
