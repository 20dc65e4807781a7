"""Whether anybody uses what runs share: who does holds the lock of its file."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from elsewhere_sandbox.setup import Setup

#: seconds between two looks at a lock that somebody holds alone
_LOOK_S: Final = 0.05


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


def share(lock: Path, setup: Setup) -> int:
    """Holds the file `lock`, as others may, until the returned descriptor is closed. Raises
    StopRequestedError while somebody has it alone."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                setup.check_stop()
                time.sleep(_LOOK_S)
            else:
                return descriptor
    except BaseException:
        os.close(descriptor)
        raise


def is_in_use(lock: Path) -> bool:
    """Whether somebody holds the file `lock`."""
    with alone(lock) as is_alone:
        return not is_alone
