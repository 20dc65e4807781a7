"""The data that a task brings along."""

from __future__ import annotations

from elsewhere.core.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A file or a folder of the machine that sends a task, for the same `path` of its code (POSIX,
    from the root). Its bytes, of a folder those of a tar archive, have the sha256 `digest`, empty
    until they are sent; they lie at `url`, or else are a blob."""

    path: str
    is_folder: bool = False
    digest: str = ""
    size_bytes: int = 0
    url: str = ""
