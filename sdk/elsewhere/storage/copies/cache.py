"""The cache of local copies, from which the least recently used are evicted.

    cache/<key>/.lock       held, shared, by each user; its time is that of the last use
    cache/<key>/.model      the model whose weights they are, if known
    cache/<key>/<file>      the downloaded file
    cache/<key>/folder/     the unpacked archive
    cache/.<hex>.evicted/   an entry that is being deleted

Any number of processes use one cache at once. An entry is evicted by a rename, under the exclusive
lock: who has waited for that lock finds another file at its path, or none, and begins again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

from elsewhere.core.errors import StorageError
from elsewhere.core.folders import make_folder

logger = logging.getLogger(__name__)

#: the limit of a cache: some data sets and models, and still little of a disk that trains on them
CACHE_BYTES: Final = 50 * 1024**3
_LOCK: Final = ".lock"
NOTE: Final = ".model"
FOLDER: Final = "folder"
#: names in an entry that no downloaded file may have
OURS: Final = (_LOCK, NOTE, FOLDER)
#: times that an entry may be evicted between making and locking it
_ATTEMPTS: Final = 100


def hold(cache: Path, key: str, holder: object) -> Path:
    """The folder of the entry `key`, made if needed; it stays as long as `holder` lives.

    Raises StorageError.
    """
    place = cache / key
    try:
        for _ in range(_ATTEMPTS):
            make_folder(place)
            try:
                lock = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:  # evicted since
                continue
            # Without a limit: the exclusive lock is held for one rename only.
            fcntl.flock(lock, fcntl.LOCK_SH)
            if _is_at(lock, place):
                weakref.finalize(holder, os.close, lock)
                os.utime(lock)
                return place
            os.close(lock)
    except OSError as error:
        raise StorageError(
            f"The cache {cache} cannot be used: {error}. Make it a folder of this user's, with "
            "room, or set ELSEWHERE_HOME to another place."
        ) from error
    raise StorageError(f"The cache {cache} cannot be used: other processes empty it all the time.")


def evict(cache: Path, limit_bytes: int, limit_entries: int | None = None) -> None:
    """Deletes entries without holders, the least recently used first, until the rest has at most
    `limit_bytes`, and at most `limit_entries` if given."""
    entries: list[tuple[int, int, Path]] = []
    for place in _listed(cache):
        if place.name.startswith("."):
            shutil.rmtree(place, ignore_errors=True)  # its deletion was cut off
        else:
            entries.append((_used_at(place), _size_bytes(place), place))
    size_bytes = sum(size for _, size, _ in entries)
    count = len(entries)
    most = count if limit_entries is None else limit_entries
    for _, size, place in sorted(entries):
        if size_bytes <= limit_bytes and count <= most:
            return
        if _remove(place):
            logger.debug("The cache entry %s of %d bytes was evicted.", place, size)
            size_bytes -= size
            count -= 1


def _remove(place: Path) -> bool:
    """Deletes an entry; False if it is held."""
    gone = place.with_name(f".{secrets.token_hex(8)}.evicted")
    try:
        lock = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_at(lock, place):
                return False
            place.rename(gone)
        finally:
            os.close(lock)
    except FileNotFoundError:  # another process removed it
        return True
    except OSError:
        return False
    shutil.rmtree(gone, ignore_errors=True)
    return True


def _is_at(lock: int, place: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(lock), (place / _LOCK).stat())
    return False


def _listed(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    return []


def _used_at(place: Path) -> int:
    for path in (place / _LOCK, place):
        with suppress(OSError):
            return path.stat().st_mtime_ns
    return 0


def _size_bytes(folder: Path) -> int:
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - many files
    return size
