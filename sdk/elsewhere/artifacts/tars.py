"""Tar files, unpacked as carefully as `archive.py` does zip files: what comes out stays inside."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from contextlib import ExitStack
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from elsewhere.artifacts.archive import copy_bytes
from elsewhere.errors import StorageError
from elsewhere.storage.progress import DISPLAY

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["unpack_tar"]

#: files and folders in an archive that is unpacked
_MOST_ENTRIES: Final = 1_000_000


def unpack_tar(archive: Path, folder: Path) -> None:
    """Writes what is in it, compressed or not, into `folder`, which is made, and cleared again
    after a failure.

    Raises StorageError, before anything is written, for an archive that would write outside of the
    folder, holds links or devices, or is larger than the room on the disk.
    """
    try:
        folder.mkdir(parents=True)
        with ExitStack() as outer, tarfile.open(archive) as source:
            entries = source.getmembers()
            size = _check(archive, entries, shutil.disk_usage(folder).free)
            row = outer.enter_context(DISPLAY.moving(f"Unpacking {archive.name}", size))
            for entry in entries:
                _write(source, entry, folder / entry.name, row.advance)
    except (OSError, EOFError, ValueError, tarfile.TarError, zlib.error, LZMAError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StorageError(f"The archive {archive} cannot be unpacked: {error}.") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _check(archive: Path, entries: list[tarfile.TarInfo], free_bytes: int) -> int:
    """The bytes of all."""
    if len(entries) > _MOST_ENTRIES:
        raise StorageError(
            f"The archive {archive} is refused: it holds {len(entries)} files and folders, more "
            f"than {_MOST_ENTRIES}."
        )
    for entry in entries:
        path = PurePosixPath(entry.name)
        is_plain = entry.isfile() or entry.isdir()
        if not is_plain or path.is_absolute() or ".." in path.parts:
            raise StorageError(
                f"The archive {archive} is refused: {entry.name!r} is a link or a device, or lies "
                "outside of the folder that it is unpacked into."
            )
    size = sum(entry.size for entry in entries)
    if size > free_bytes:
        raise StorageError(
            f"The archive {archive} cannot be unpacked: it holds {size} bytes, and only "
            f"{free_bytes} are free there. Make room, or call get_local_copy with "
            "extract_archive=False."
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
