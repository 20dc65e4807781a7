"""Lending: what the program of one run has of the store, as the setting store_access has it.

none   nothing: it only reports, by its journal
read   a user of Redis of its own, which may only read and goes with the run
full   what the agent has itself
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from elsewhere.core.choices import Status
from elsewhere.core.errors import AccessError, NotFoundError, RecordError, StoreUnavailableError
from elsewhere.core.notes import Lent
from elsewhere.store.redis.readers import Readers

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder
    from elsewhere.store.redis.store import RedisStore
    from elsewhere_worker.settings import WorkerSettings

logger = logging.getLogger(__name__)


class Lending:
    """The store as the program of the run in `folder` may use it. Threads may share it."""

    def __init__(self, folder: RunFolder, settings: WorkerSettings, store: RedisStore) -> None:
        self._folder = folder
        self._run = folder.path.name
        self._settings = settings
        self._store = store
        self._lock = threading.Lock()

    def begin(self) -> str:
        """Lends the store; returns its URL for the program, empty for none. Raises
        StoreUnavailableError and OSError."""
        settings = self._settings
        if settings.store_access == "none":
            return ""
        url = settings.url
        if settings.store_access == "read":
            readers, password = readers_of(settings, self._store), os.urandom(16).hex()
            name = readers.name(settings.name, self._run)
            readers.admit(name, password)
            url = readers.url(name, password)
        Lent(url=url).write(self._folder)
        return url

    def renew(self) -> None:
        """Makes the user of the run again, which a server that was restarted has lost. Raises
        StoreUnavailableError."""
        with self._lock:
            user, password = self._lent()
            if not password:
                return
            readers = readers_of(self._settings, self._store)
            name = readers.name(self._settings.name, self._run)
            if user == name:  # else the program has written it, or the store is another one
                try:
                    readers.admit(name, password)
                except AccessError as error:
                    logger.warning("%s: it can read the store no more. %s", self._run, error)

    def end(self) -> None:
        """Takes back what was lent. What the store cannot do now, `sweep` does."""
        with self._lock:
            if self._lent()[1] or self._settings.store_access == "read":
                with suppress(StoreUnavailableError):
                    readers = readers_of(self._settings, self._store)
                    readers.dismiss(readers.name(self._settings.name, self._run))
            self._folder.store.unlink(missing_ok=True)

    def _lent(self) -> tuple[str, str]:
        """The user and the password that the program has of its own; empty where it has none."""
        try:
            lent = Lent.read(self._folder)
            if lent is None or lent.url == self._settings.url:
                return "", ""
            parts = urlsplit(lent.url)
            return unquote(parts.username or ""), unquote(parts.password or "")
        except (RecordError, ValueError):  # the program may have written it
            return "", ""


def readers_of(settings: WorkerSettings, store: RedisStore) -> Readers:
    """The readers of the `store`, for an agent with these `settings`. Raises
    StoreUnavailableError."""
    return Readers(store.redis, settings.url, store.identity())


def check(settings: WorkerSettings, store: RedisStore) -> None:
    """Makes sure that the `store` can be lent as `settings` have it. Raises ConfigurationError
    where it cannot, and StoreUnavailableError."""
    if settings.store_access == "read":
        readers_of(settings, store).check(settings.name)


def sweep(settings: WorkerSettings, store: RedisStore) -> None:
    """Removes the users of runs that have ended without their agents, of all agents, where this one
    makes users itself. Raises StoreUnavailableError."""
    if settings.store_access != "read":
        return
    readers = readers_of(settings, store)
    for name, (agent, run) in readers.runs().items():
        if not _runs(store, agent, run.partition(".")[0]):
            logger.info("%s: the user that its program had is removed", run)
            readers.dismiss(name)


def _runs(store: RedisStore, agent: str, task_id: str) -> bool:
    with suppress(NotFoundError, RecordError):
        state = store.state(task_id)
        return state.status is Status.IN_PROGRESS and state.worker == agent
    return False
