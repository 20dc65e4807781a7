"""What runs share: one makes it alone, and it is not removed while somebody uses it.

<place>.lock         held by the one who makes it; shared by those who use it
<place>/
└── complete.json    written last: without it the folder is nothing
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from elsewhere_sandbox.setup import Setup

T = TypeVar("T")

#: seconds between two looks at a lock that another run holds
_PAUSE_S: Final = 0.05


def shared(
    lock: Path, use: Callable[[], T | None], make: Callable[[], None], setup: Setup, what: str
) -> tuple[T, int, bool]:
    """What `use` gives, which is made by `make`, alone, while `use` gives None. Returns it, the
    descriptor that marks it as used while it is open, and True if this call has made it. Raises
    StopRequestedError while it waits for another run that makes `what`, which is said once."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    is_made = has_waited = False
    try:
        while True:
            has_waited |= _take(descriptor, fcntl.LOCK_SH, setup, "" if has_waited else what)
            if (found := use()) is not None:
                return found, descriptor, is_made
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # two who share it could never have it alone
            has_waited |= _take(descriptor, fcntl.LOCK_EX, setup, "" if has_waited else what)
            if use() is None:  # else made while this run waited
                make()
                is_made = True
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    except BaseException:
        os.close(descriptor)
        raise


def _take(descriptor: int, kind: int, setup: Setup, what: str) -> bool:
    """Waits for the lock, which the system releases when its holder dies. Whether it had to."""
    must_wait = False
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if what and not must_wait:
                setup.say(f"Another run makes {what}: waiting for it.")
            must_wait = True
            setup.check_stop()
            time.sleep(_PAUSE_S)
        else:
            return must_wait


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


def remove(place: Path) -> bool:
    """Removes the folder that runs share, if nobody uses it. False for one that is in use."""
    with alone(place.with_suffix(".lock")) as is_alone:
        if is_alone:
            (place / "complete.json").unlink(missing_ok=True)  # first: half of it is nothing
            shutil.rmtree(place, ignore_errors=True)
        return is_alone


def is_in_use(lock: Path) -> bool:
    """Whether somebody holds the file `lock`."""
    with alone(lock) as is_alone:
        return not is_alone
