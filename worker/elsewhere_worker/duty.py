"""Duties: the threads of an agent, which begin anew after an unforeseen error; and such errors."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import ElsewhereError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

#: seconds until a duty begins anew
AGAIN_S: Final = 1.0
#: problems that are remembered
_REMEMBERED: Final = 10


class Troubles:
    """The unforeseen errors of an agent's threads, for `agent status`: the last of each kind of
    work. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, str] = {}

    def note(self, work: str, error: Exception) -> None:
        """Logs the `error` that `work` met, with its traceback, and remembers it."""
        logger.error("%s failed, and begins anew", work, exc_info=error)
        at = time.strftime("%Y-%m-%d %H:%M:%S")
        with self._lock:
            self._found.pop(work, None)
            self._found[work] = f"{at} {work} failed, and began anew: {error!r:.200}"
            while len(self._found) > _REMEMBERED:
                del self._found[next(iter(self._found))]

    def listed(self) -> tuple[str, ...]:
        """A sentence for each, the oldest first."""
        with self._lock:
            return tuple(self._found.values())

    @contextmanager
    def noted(self, work: str) -> Iterator[None]:
        """Lets only StoreUnavailableError through: another error of ours is logged, and all else is
        noted, too."""
        try:
            yield
        except StoreUnavailableError:
            raise
        except ElsewhereError as error:
            logger.warning("%s: %s", work, error)
        except Exception as error:  # noqa: BLE001 - the outermost seam: the next round comes
            self.note(work, error)


class Duty(threading.Thread):
    """Does `work` until `is_ending`; after an error it begins anew."""

    def __init__(
        self, work: Callable[[], None], is_ending: threading.Event, troubles: Troubles
    ) -> None:
        super().__init__(name=work.__name__.strip("_"), daemon=True)
        self._work = work
        self._is_ending = is_ending
        self._troubles = troubles

    def run(self) -> None:
        while not self._is_ending.is_set():
            try:
                with self._troubles.noted(self.name):
                    self._work()
            except StoreUnavailableError as error:  # others report it
                logger.debug("%s: %s", self.name, error)
            self._is_ending.wait(AGAIN_S)
