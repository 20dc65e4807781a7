"""Retries of work that fails for a while, and a time limit for work that hangs."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, TypeVar

from elsewhere.core.errors import StorageError
from elsewhere.storage.api import PassingError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: tries after the first: the waits before them are 7.5 seconds, which an overload may last
RETRIES: Final = 4
#: seconds that the check of a storage may take
CHECK_S: Final = 5.0
#: seconds before the second try; doubled each time
_WAIT_S: Final = 0.5
#: seconds between two tries at most
_LONGEST_WAIT_S: Final = 30.0


def retried(work: Callable[[], T], retries: int = RETRIES) -> T:
    """The result of `work`, tried again after a PassingError, each time after a longer wait."""
    wait_s = _WAIT_S
    for _ in range(retries):
        try:
            return work()
        except PassingError as error:
            logger.info("%s It is tried again in %.1f s.", error, wait_s)
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
    return work()


def within(limit_s: float, work: Callable[[], None], what: str) -> None:
    """Does `work`; raises its StorageError, or one with `what` as the subject after `limit_s`. The
    thread of work beyond the limit is not stopped."""
    failures: list[StorageError] = []

    def do() -> None:
        try:
            work()
        except StorageError as error:
            failures.append(error)

    thread = threading.Thread(target=do, name="elsewhere-within", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        raise StorageError(
            f"{what} does not answer within {limit_s:g} seconds. Check the address, and that this "
            "machine reaches it."
        )
    if failures:
        raise failures[0]
