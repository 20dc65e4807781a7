"""Blobs of the store that lie in storage: `<output_uri>/blobs/<sha256>`, compressed as they were.

The store knows their URLs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere import storage
from elsewhere.core.errors import NotFoundError, RecordError
from elsewhere.store.redis.blobs import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.store.api import TaskStore
    from elsewhere.store.redis.store import RedisStore

#: bytes that are read at once
_PIECE: Final = 1 << 20


def read_blob(store: TaskStore, digest: str) -> bytes:
    """The blob, from the `store` or from where it was moved to. Raises NotFoundError, RecordError
    when it does not match its `digest`, and StorageError."""
    try:
        return store.get_blob(digest)
    except NotFoundError:
        url = store.blob_url(digest)  # behind the look: it may be moved just now
        if url is None:
            raise
    if storage.is_file_url(url):  # an agent moves nothing to the disk of one machine
        raise RecordError(f"The code with the digest {digest} cannot be read from {url!r:.200}.")
    with tempfile.TemporaryDirectory(prefix="elsewhere-") as folder:
        file = Path(folder, "blob")
        storage.download(url, file)
        return unpacked(digest, _pieces(file))


def move_blob(store: RedisStore, digest: str, place: str) -> bool:
    """Brings the blob of that `digest` below the URL `place`, and takes it out of the `store`.

    False for one that nobody needs any more. Raises NotFoundError, RecordError for a damaged one,
    StorageError, and StoreUnavailableError."""
    url = f"{place.rstrip('/')}/blobs/{digest}"
    with tempfile.TemporaryDirectory(prefix="elsewhere-") as folder:
        file = Path(folder, "blob")
        with file.open("wb") as opened:
            opened.writelines(store.packed_blob(digest))
        unpacked(digest, _pieces(file))  # what is damaged is not moved
        storage.upload(file, url)
    if store.has_moved(digest, url):
        return True
    storage.delete(url)
    return False


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece
