"""The memory that blobs take in Redis: above a limit, those of the tasks that ended first lie in
storage. One agent does that at a time, one blob after the other."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from elsewhere import storage
from elsewhere.artifacts.blobs import move_blob
from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import ElsewhereError, StoreUnavailableError
from elsewhere.core.secrets import hide_passwords
from elsewhere.storage import is_file_url

if TYPE_CHECKING:
    import threading

    from elsewhere.store.redis.store import RedisStore
    from elsewhere_worker.settings import WorkerSettings

logger = logging.getLogger(__name__)

#: seconds between two looks at the memory
_LOOK_S: Final = 300.0


class BlobBudget:
    """Keeps the limit of `settings`; call `keep` every few seconds."""

    def __init__(
        self, store: RedisStore, settings: WorkerSettings, is_ending: threading.Event
    ) -> None:
        self._store = store
        self._settings = settings
        self._is_ending = is_ending
        self._look_at_s = 0.0
        self._has_warned = False

    def keep(self) -> None:
        """Moves blobs while they are above the limit, and deletes moved ones that no task names any
        more. Raises StoreUnavailableError."""
        if monotonic_s() < self._look_at_s:
            return
        self._look_at_s = monotonic_s() + _LOOK_S
        with self._store.moving_blobs() as is_mine:
            if is_mine:
                self._move()
                self._delete()

    def _move(self) -> None:
        limit, sizes = self._settings.code_memory_bytes, self._store.blob_sizes()
        used, place = sum(sizes.values()), self._settings.policy.output_uri
        if used <= limit:
            return
        if is_file_url(place):  # of this machine alone
            if not self._has_warned:
                logger.warning(
                    "the code of tasks takes %d MiB of Redis, more than the %d of"
                    " code_memory_bytes: set output_uri to a URL that every machine reads, and it"
                    " is moved there",
                    used >> 20,
                    limit >> 20,
                )
            self._has_warned = True
            return
        for digest in self._store.oldest_ended_blobs():
            if used <= limit or self._is_ending.is_set():
                return
            try:
                if move_blob(self._store, digest, place):
                    logger.info("the code %s lies below %s now", digest[:12], hide_passwords(place))
            except StoreUnavailableError:
                raise
            except ElsewhereError as error:
                logger.warning("the code %s stays in Redis. %s", digest[:12], error)
                return
            used -= sizes.get(digest, 0)

    def _delete(self) -> None:
        for url in self._store.blobs_to_delete():
            try:
                storage.delete(url)
            except ElsewhereError as error:
                logger.warning(
                    "code that no task names is left at %s. %s", hide_passwords(url), error
                )
