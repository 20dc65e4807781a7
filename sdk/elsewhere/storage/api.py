"""What a storage does. `tests/contracts/test_storage.py` is the contract of every one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from elsewhere.core.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Found", "PassingError", "Storage"]


class PassingError(StorageError):
    """What failed may go well the next time: a server is busy, a connection broke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One file in a storage."""

    url: str
    #: None where the storage does not tell
    size_bytes: int | None
    modified_at: float | None = None
    #: another text for other content; empty where the storage does not tell
    version: str = ""


class Storage(Protocol):
    """Bytes at URLs. Every method raises StorageError for what cannot be done, and no other; each
    tries once, and says with a PassingError that a second try is worth it."""

    def upload(self, local: Path, url: str) -> None:
        """The file's bytes are at `url`, whole or not at all; what was there before is replaced.

        One that was cut off goes on where it was, as far as the storage allows.
        """

    def download(self, url: str, local: Path) -> None:
        """The bytes at `url` are in `local`, whole or not at all; its folder is made."""

    def exists(self, url: str) -> bool: ...

    def delete(self, url: str) -> None:
        """Nothing is at `url` any more. May be called twice."""

    def size(self, url: str) -> int:
        """Bytes; StorageError when nothing is there."""

    def look(self, url: str) -> Found:
        """StorageError when no file is there."""

    def list(self, url: str) -> list[Found]:
        """All files below `url`, however deep, sorted by URL; a file alone is itself."""

    def check(self, url: str) -> None:
        """StorageError when nothing can be written below `url`. It leaves nothing there."""
