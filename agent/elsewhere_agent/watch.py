"""The watch over the store: it logs when the store goes and when it comes back.

It also starts the embedded server again when both the server and its keeper are gone, and takes the
mode that somebody on another machine asks for.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import StoreUnavailableError
from elsewhere.store import store_url
from elsewhere.store.agents import asked_mode, settle_mode
from elsewhere_worker.intake import Mode

if TYPE_CHECKING:
    from elsewhere.core.settings import Settings
    from elsewhere.store.redis.store import RedisStore
    from elsewhere_agent.folder import AgentFolder
    from elsewhere_worker.duty import Troubles

logger = logging.getLogger(__name__)

#: seconds between two looks
_LOOK_S: Final = 2.0


class StoreWatch(threading.Thread):
    """Watches the store until `end` is called."""

    def __init__(
        self, settings: Settings, store: RedisStore, troubles: Troubles, folder: AgentFolder
    ) -> None:
        super().__init__(name="store-watch", daemon=True)
        self._settings = settings
        self._store = store
        self._troubles = troubles
        self._folder = folder
        self._is_ending = threading.Event()
        #: whether the store did not answer at the last look
        self.is_away = False

    def end(self) -> None:
        self._is_ending.set()

    def run(self) -> None:
        while not self._is_ending.wait(_LOOK_S):
            try:
                self._look()
            except StoreUnavailableError as error:
                if not self.is_away:
                    logger.error("%s Until then running tasks go on.", error)  # noqa: TRY400
                self.is_away = True
            except Exception as error:  # noqa: BLE001 - the outermost seam: the next look comes
                self._troubles.note(self.name, error)
            else:
                if self.is_away:
                    logger.info("the store is back")
                self.is_away = False

    def _look(self) -> None:
        store_url(self._settings)
        self._store.now()
        if asked := asked_mode(self._store.redis, self._folder.name):
            if asked in {mode.value for mode in Mode}:
                self._folder.ask(Mode(asked))
            settle_mode(self._store.redis, self._folder.name, asked)
