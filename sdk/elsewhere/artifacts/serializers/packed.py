"""Reproducible gzip files: equal content gives equal bytes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from gzip import GzipFile
    from pathlib import Path

#: the level of the gzip command; level 9 takes several times as long for one per cent
_LEVEL: Final = 6


@contextmanager
def opened_gzip(file: Path) -> Iterator[GzipFile]:
    """Opens `file` for bytes to compress, without a time or a name in its header."""
    import gzip  # noqa: PLC0415 - weight

    with (
        file.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=_LEVEL, fileobj=raw, mtime=0) as target,
    ):
        yield target
