"""The inputs of a run: the blobs that its task names, in its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.artifacts.blobs import read_blob
from elsewhere.core.errors import NotFoundError, StorageError
from elsewhere.core.folders import make_folder

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder
    from elsewhere.store.redis.store import RedisStore


def fetch(store: RedisStore, folder: RunFolder, digest: str) -> None:
    """Brings a blob into the `folder`, once. Raises NotFoundError, StoreUnavailableError and
    OSError."""
    path = folder.inputs / digest
    if path.exists():
        return
    make_folder(path.parent)
    beside = path.with_name(f".{digest}")
    beside.touch(mode=0o600)
    try:
        beside.write_bytes(read_blob(store, digest))
    except StorageError as error:
        raise NotFoundError(f"A part of the code of this task cannot be read. {error}") from error
    beside.rename(path)
