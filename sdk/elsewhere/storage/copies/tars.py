"""Tar files, unpacked as carefully as `archive.py` does zip files: what comes out stays inside."""

from __future__ import annotations

import tarfile
import zlib
from contextlib import ExitStack
from lzma import LZMAError
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import StorageError
from elsewhere.storage.copies.zips import check_fits, copy_bytes, filling
from elsewhere.storage.progress import DISPLAY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["unpack_tar"]

#: what tarfile raises for bytes that are no archive, or no longer a whole one, and what the disk
_DAMAGES: Final = (EOFError, ValueError, tarfile.TarError, zlib.error, LZMAError, OSError)


def unpack_tar(archive: Path, folder: Path) -> None:
    """Writes what is in it, compressed or not, into `folder`, which is made, and cleared again
    after a failure.

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
    """The bytes of all."""
    size = sum(entry.size for entry in entries)
    check_fits(archive, len(entries), size, folder)
    for entry in entries:
        path = PurePosixPath(entry.name)
        is_plain = entry.isfile() or entry.isdir()
        if not is_plain or path.is_absolute() or ".." in path.parts:
            raise StorageError(
                f"The archive {archive} is refused: {entry.name!r} is a link or a device, or lies "
                "outside of the folder that it is unpacked into."
            )
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
    path.parent.mkdir(parents=True, exist_ok=True)
    # Exclusively: no entry writes over another.
    with reader, path.open("xb") as writer:
        copy_bytes(reader, writer, advance)
    if entry.mode & 0o100:
        path.chmod(path.stat().st_mode | 0o111)
