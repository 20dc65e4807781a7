"""What a storage does. `tests/contracts/test_storage.py` is the contract of every one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Storage"]


class Storage(Protocol):
    """Bytes at URLs. Every method raises StorageError for what cannot be done, and no other."""

    def upload(self, local: Path, url: str) -> None:
        """The file's bytes are at `url`, whole or not at all; what was there before is replaced."""

    def download(self, url: str, local: Path) -> None:
        """The bytes at `url` are in `local`, whole or not at all; its folder is made."""

    def exists(self, url: str) -> bool: ...

    def delete(self, url: str) -> None:
        """Nothing is at `url` any more. May be called twice."""

    def size(self, url: str) -> int:
        """Bytes; StorageError when nothing is there."""
