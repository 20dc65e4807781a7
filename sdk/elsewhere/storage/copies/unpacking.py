"""Archives in the cache, and the folder beside each that it is unpacked into."""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from elsewhere.storage.copies.cache import FOLDER
from elsewhere.storage.copies.tars import unpack_tar
from elsewhere.storage.copies.zips import unpack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_UNPACKERS: Final = {".zip": unpack, ".tar": unpack_tar, ".tar.gz": unpack_tar, ".tgz": unpack_tar}


def unpacker(name: str) -> Callable[[Path, Path], None] | None:
    """The function that unpacks a file of this name into a new folder; None if not an archive."""
    return next((do for end, do in _UNPACKERS.items() if name.lower().endswith(end)), None)


def unpacked(
    do: Callable[[Path, Path], None], archive: Path, place: Path, *, is_forced: bool
) -> Path:
    """The folder with the content of `archive` in the cache's entry `place`, unpacked by `do` if
    needed or `is_forced`. Raises StorageError."""
    folder = place / FOLDER
    if is_forced or not folder.is_dir():
        beside = place / f".{secrets.token_hex(8)}.partial"
        do(archive, beside)
        if is_forced:
            shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # another process was faster, with the same content
            beside.rename(folder)
        shutil.rmtree(beside, ignore_errors=True)
    return folder
