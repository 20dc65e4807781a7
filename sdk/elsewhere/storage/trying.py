"""Work that may fail for a while, or hang: tried again, and not waited for without end."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, TypeVar

from elsewhere.core.errors import StorageError
from elsewhere.storage.api import PassingError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHECK_S", "RETRIES", "retried", "within"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: tries after the first: with the waits between them 7.5 seconds, which an overload may last
RETRIES: Final = 4
#: seconds in which a storage must say whether it can be written to
CHECK_S: Final = 5.0
#: seconds before the second try; doubled each time
_WAIT_S: Final = 0.5
#: seconds between two tries at most
_LONGEST_WAIT_S: Final = 30.0


def retried(work: Callable[[], T], retries: int = RETRIES) -> T:
    """What `work` gives; after a PassingError it is tried again, each time after a longer wait."""
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
    """Does `work`, or raises StorageError, with `what` as its subject, when that takes longer; then
    it goes on on a thread that nobody waits for."""
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
