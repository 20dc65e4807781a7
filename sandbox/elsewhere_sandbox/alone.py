"""Whether anybody uses what runs share: who does holds the lock of its file."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def alone(lock: Path) -> Iterator[bool]:
    """Yields True where nobody holds the file `lock`: until the end, nobody will."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def is_in_use(lock: Path) -> bool:
    """Whether somebody holds the file `lock`."""
    with alone(lock) as is_alone:
        return not is_alone
