"""The limit of the bytes that travel with a task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from elsewhere.core.errors import TooLargeError

#: how many files an error lists
_LISTED: Final = 10


class Budget:
    """Counts the bytes that travel, patches and bundles of one task together."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.left_bytes = limit_bytes

    def take(self, size_bytes: int) -> None:
        self.left_bytes -= size_bytes

    def exceeded(self, what: str, files: Iterable[tuple[int, str]], advice: str) -> TooLargeError:
        """Returns the error for `what`, with the largest of `files`, each (bytes, path)."""
        largest = sorted(files, reverse=True)[:_LISTED]
        lines = "".join(f"\n  {_megabytes(size)}  {path}" for size, path in largest)
        return TooLargeError(
            f"The code cannot travel with the task: {what} take more than the"
            f" {_megabytes(self._limit_bytes).strip()} that may. {advice}, or raise the limit with"
            f" ELSEWHERE_CAPTURE_LIMIT_BYTES. The largest files:{lines}"
        )


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:8.1f} MB"
