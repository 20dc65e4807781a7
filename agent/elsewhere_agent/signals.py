"""The signals of a daemon, and the requests of its operator, each within half a second."""

from __future__ import annotations

import logging
import os
import signal
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere_agent.folder import AgentFolder
    from elsewhere_worker.worker import Worker

logger = logging.getLogger(__name__)

#: signal -> whether the tasks are to be stopped, too
_ENDS: Final = {signal.SIGTERM: False, signal.SIGINT: False, signal.SIGQUIT: True}
#: seconds between two looks at the mode that is asked for
_LOOK_S: Final = 0.5


class EndedError(BaseException):
    """A signal ends an agent that does nothing yet: no seam may take it for an error."""


def end_at_once() -> None:
    """From now on a signal raises EndedError: there is no worker yet that could be ended."""
    for number in _ENDS:
        signal.signal(number, _raise)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class Signals(threading.Thread):
    """Obeys signals: the first that ends the worker lets it leave in order, another one does not.

    Handlers only put the number into a reentrant queue: a lock that the interrupted code holds,
    such as an Event's, would never be free again.
    """

    def __init__(self, worker: Worker, folder: AgentFolder, reload: Callable[[], None]) -> None:
        super().__init__(name="signals", daemon=True)
        self._worker = worker
        self._folder = folder
        self._reload = reload
        self._numbers: SimpleQueue[int] = SimpleQueue()
        self._is_ending = False
        self._has_terminal = os.isatty(2)

    def obey(self) -> None:
        """Installs the handlers; only for the main thread."""
        self.start()
        for number in (*_ENDS, signal.SIGHUP):
            signal.signal(number, lambda received, _: self._numbers.put(received))

    def run(self) -> None:
        mode = self._folder.mode()
        while True:
            try:
                self._obey(signal.Signals(self._numbers.get(timeout=_LOOK_S)))
            except Empty:
                if (asked := self._folder.mode()) is not mode:
                    logger.info("its operator wants it %s", asked.value)
                    mode = asked
                    self._worker.look()
            except Exception as error:  # noqa: BLE001 - the outermost seam: the next signal comes
                self._worker.troubles.note("signals", error)

    def _obey(self, number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            if not (self._has_terminal and not os.isatty(2)):
                self._reload()
                return
            number = signal.SIGTERM  # its terminal was closed
        if self._is_ending and not _ENDS[number]:
            logger.warning("%s once more: this agent ends at once", number.name)
            os._exit(128 + number)
        self._is_ending = True
        logger.info("%s: this agent ends", number.name)
        self._worker.end(stop_tasks=_ENDS[number])


def _raise(number: int, _frame: object) -> None:
    raise EndedError(signal.Signals(number).name)
