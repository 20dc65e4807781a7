"""Bytes in storage that no sample names any more: it fell out of its history, was replaced, or its
attempt or task began anew. The store knows where they lie; whoever delivers deletes them."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere import storage
from elsewhere.artifacts.places import file_name, is_kept_for
from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import StorageError
from elsewhere.core.kept import HistoryEvent
from elsewhere.delivery.waiting import RETRY_S, forget_placed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elsewhere.core.events import Event
    from elsewhere.core.folders import RunFolder
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)

#: files that are deleted before the journals get their turn: an object store takes its time
_AT_ONCE: Final = 20


class Dropped:
    """Deletes what the task of a folder has dropped. Threads may not share it."""

    def __init__(self, store: TaskStore, folder: RunFolder) -> None:
        self._store = store
        self._folder = folder
        #: an earlier attempt may have left some
        self._may_be_some = True
        self._again_at = 0.0

    def look_at(self, events: Iterable[Event]) -> None:
        """Notes that `events`, which were delivered, may have dropped some."""
        self._may_be_some |= any(isinstance(event, HistoryEvent) for event in events)

    def delete(self) -> bool:
        """Deletes some, and returns whether there are more. Not to be called while events of the
        folder wait: a store that was restored with older data gets back with them what it has
        dropped. Raises StoreUnavailableError."""
        if not self._may_be_some or monotonic_s() < self._again_at:
            return False
        task_id, gone = self._folder.task_id, []
        here = [one for one in self._store.dropped(task_id).items() if _is_here(*one)]
        for url, machine in here[:_AT_ONCE]:
            try:
                if is_kept_for(task_id, url):
                    storage.delete(url, machine)
            except StorageError as error:
                logger.log(logging.DEBUG if self._again_at else logging.WARNING, _LEFT, url, error)
                self._again_at = monotonic_s() + RETRY_S
                break
            gone.append(url)
            forget_placed(self._folder, Path(self._folder.files.name, file_name(url)))
        self._store.forget_dropped(task_id, gone)
        self._may_be_some = len(gone) < len(here)
        return self._may_be_some and len(gone) == _AT_ONCE


_LEFT: Final = "The bytes at %s, which no sample names any more, are left for now. %s"


def _is_here(url: str, machine: str) -> bool:
    """Whether it can be deleted here: not a file on the disk of another machine."""
    return not storage.is_file_url(url) or machine in ("", socket.gethostname())
