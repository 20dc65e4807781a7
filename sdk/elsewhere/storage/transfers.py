"""Transfers for the rest of the SDK, which are tried again after a passing failure."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from elsewhere.core.errors import StorageError
from elsewhere.storage.files import is_file_url
from elsewhere.storage.schemes import storage_for
from elsewhere.storage.trying import RETRIES, retried

if TYPE_CHECKING:
    from pathlib import Path


def delete(url: str, machine: str = "") -> None:
    """Deletes the file at `url`, if there is one. Raises StorageError, also for a file on the disk
    of another `machine`."""
    if is_file_url(url) and machine not in ("", here := socket.gethostname()):
        raise StorageError(
            f"{url} is a file on the machine {machine!r}, and this is {here!r}: delete it there."
        )
    storage_for(url).delete(url)


def upload(local: Path, url: str, *, retries: int = RETRIES) -> None:
    """Copies the file `local` to `url`, whole or not at all. Raises StorageError."""
    storage = storage_for(url)
    retried(lambda: storage.upload(local, url), retries)


def download(url: str, local: Path, *, retries: int = RETRIES) -> None:
    """Copies the bytes at `url` to `local`, whole or not at all. Raises StorageError."""
    storage = storage_for(url)
    retried(lambda: storage.download(url, local), retries)
