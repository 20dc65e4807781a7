"""Tar files, unpacked with the same checks as zip files."""

from __future__ import annotations

import tarfile
import zlib
from contextlib import ExitStack
from lzma import LZMAError
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import StorageError
from elsewhere.storage.copies.zips import check_entry, check_fits, filling, write_entry
from elsewhere.storage.progress import DISPLAY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: errors of tarfile for bytes that are not an archive, or a part of one, and of the disk
_DAMAGES: Final = (EOFError, ValueError, tarfile.TarError, zlib.error, LZMAError, OSError)


def unpack_tar(archive: Path, folder: Path) -> None:
    """Unpacks a tar file, compressed or not, into `folder`, which is made, and deleted after a
    failure.

    Raises StorageError, before anything is written, for an archive that would write outside of the
    folder, holds links or devices, or is larger than the room on the disk.
    """
    with (
        filling(folder, archive, _DAMAGES),
        ExitStack() as outer,
        tarfile.open(archive) as source,
    ):
        entries = source.getmembers()
        size = _check(archive, entries, folder)
        row = outer.enter_context(DISPLAY.moving(f"Unpacking {archive.name}", size))
        for entry in entries:
            _write(source, entry, folder / entry.name, row.advance)


def _check(archive: Path, entries: list[tarfile.TarInfo], folder: Path) -> int:
    """The bytes of all entries. Raises StorageError."""
    size = sum(entry.size for entry in entries)
    check_fits(archive, len(entries), size, folder)
    for entry in entries:
        check_entry(archive, entry.name, is_plain=entry.isfile() or entry.isdir())
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
