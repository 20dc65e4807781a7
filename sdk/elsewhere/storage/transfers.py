"""What the rest of the SDK calls to bring bytes to a URL or from it: tried again when it fails for
a passing reason."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from elsewhere.core.errors import StorageError
from elsewhere.storage.files import is_file_url
from elsewhere.storage.schemes import storage_for
from elsewhere.storage.trying import RETRIES, retried

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["delete", "download", "upload"]


def delete(url: str, machine: str = "") -> None:
    """Nothing is at `url` any more; where that is a file, it is one of `machine`'s disk. May be
    called twice. Raises StorageError."""
    if is_file_url(url) and machine not in ("", here := socket.gethostname()):
        raise StorageError(
            f"{url} is a file on the machine {machine!r}, and this is {here!r}: delete it there."
        )
    storage_for(url).delete(url)


def upload(local: Path, url: str, *, retries: int = RETRIES) -> None:
    """The file's bytes are at `url`, whole or not at all. Raises StorageError."""
    storage = storage_for(url)
    retried(lambda: storage.upload(local, url), retries)


def download(url: str, local: Path, *, retries: int = RETRIES) -> None:
    """The bytes at `url` are in `local`, whole or not at all. Raises StorageError."""
    storage = storage_for(url)
    retried(lambda: storage.download(url, local), retries)
