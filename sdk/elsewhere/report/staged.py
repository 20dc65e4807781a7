"""Files that a report takes along: in the run folder, until whoever delivers uploads them."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from elsewhere.storage import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: the end of a file's name that its copies keep
_EXTENSION: Final = re.compile(r"\.[0-9A-Za-z_+-]{1,16}")


class Staged(NamedTuple):
    """A file as an event names it: its path in the run folder."""

    file: str
    digest: str
    size_bytes: int


def is_extension(text: str) -> bool:
    """Whether a staged file can end so."""
    return _EXTENSION.fullmatch(text) is not None


def stage(files: Path, extension: str, write: Callable[[Path], object]) -> Staged:
    """Stages what `write` writes to a path in the folder `files` of a run, called by the SHA-256 of
    its bytes, so that a URL tells them apart, and by random digits: two reports share no file, and
    each can be deleted alone. An `extension` that is not plain is left out. Raises OSError."""
    random = os.urandom(4).hex()
    fresh = files / f".{random}"
    try:
        write(fresh)
        digest, size_bytes = sha256_of(fresh), fresh.stat().st_size
        known = extension if is_extension(extension) else ""
        file = fresh.rename(files / f"{digest}-{random}{known}")
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise
    return Staged(f"{files.name}/{file.name}", digest, size_bytes)
