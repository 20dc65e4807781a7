"""The interface of a storage. `tests/contracts/test_storage.py` is the contract of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from elsewhere.core.errors import StorageError
from elsewhere.core.frozen import dataclass

if TYPE_CHECKING:
    from pathlib import Path


class PassingError(StorageError):
    """A failure that may pass, such as a busy server or a broken connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One file in a storage."""

    url: str
    #: None if the storage does not have it
    size_bytes: int | None
    modified_at: float | None = None
    #: differs for other content; empty if the storage has no such thing
    version: str = ""


class Storage(Protocol):
    """Bytes at URLs. Each method tries once and raises only StorageError; PassingError, if a second
    try may succeed."""

    def upload(self, local: Path, url: str) -> None:
        """Copies the file `local` to `url`, whole or not at all; replaces a file there.

        An upload that was cut off is resumed, as far as the storage allows.
        """

    def download(self, url: str, local: Path) -> None:
        """Copies the bytes at `url` to `local`, whole or not at all; makes its folder."""

    def exists(self, url: str) -> bool:
        """Whether a file is at `url`."""

    def delete(self, url: str) -> None:
        """Deletes the file at `url`, if there is one."""

    def size(self, url: str) -> int:
        """The size of the file at `url` in bytes; StorageError without a file."""

    def look(self, url: str) -> Found:
        """The file at `url`; StorageError without a file."""

    def list(self, url: str) -> list[Found]:
        """All files below `url`, at any depth, sorted by URL; for a file that file alone."""

    def check(self, url: str) -> None:
        """Raises StorageError unless files can be written below `url`; leaves nothing there."""
