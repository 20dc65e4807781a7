"""Tar files, unpacked with the same checks as zip files."""

from __future__ import annotations

import tarfile
import zlib
from lzma import LZMAError
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import StorageError
from elsewhere.storage.copies.zips import (
    check_count,
    check_entry,
    check_fits,
    filling,
    write_entry,
)
from elsewhere.storage.progress import DISPLAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: errors of tarfile for bytes that are not an archive, or a part of one, and of the disk
_DAMAGES: Final = (
    *(EOFError, ValueError, RecursionError),
    *(tarfile.TarError, zlib.error, LZMAError, OSError),
)


def unpack_tar(archive: Path, folder: Path) -> None:
    """Unpacks a tar file, compressed or not, into `folder`, which is made, and deleted after a
    failure.

    Raises StorageError, before anything is written, for an archive that would write outside of the
    folder, holds links or devices, or is larger than the room on the disk.
    """
    with filling(folder, archive, _DAMAGES):
        with tarfile.open(archive) as source:
            size = _check(archive, source, folder)
        with (
            DISPLAY.moving(f"Unpacking {archive.name}", size) as row,
            tarfile.open(archive) as source,
        ):
            for entry in _entries(source):
                _write(source, entry, folder / entry.name, row.advance)


def _entries(source: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The entries one by one: a small compressed file may hold millions, which tarfile keeps."""
    while (entry := source.next()) is not None:
        source.members.clear()  # type: ignore[attr-defined] # it is not in the stubs
        yield entry


def _check(archive: Path, source: tarfile.TarFile, folder: Path) -> int:
    """The bytes of all entries. Raises StorageError."""
    size = 0
    for count, entry in enumerate(_entries(source), 1):
        check_count(archive, count)
        check_entry(archive, entry.name, is_plain=entry.isfile() or entry.isdir())
        size += entry.size
    check_fits(archive, size, folder)
    return size


def _write(
    source: tarfile.TarFile, entry: tarfile.TarInfo, path: Path, advance: Callable[[int], None]
) -> None:
    if entry.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    reader = source.extractfile(entry)
    if reader is None:
        raise StorageError(f"The archive {source.name!r} holds {entry.name!r} without its bytes.")
    write_entry(reader, path, entry.mode, advance)
