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
from elsewhere.core.events import ModelReported
from elsewhere.core.kept import History, HistoryEvent
from elsewhere.delivery.waiting import RETRY_S, forget_placed, staged
from elsewhere.store.histories import rank_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from elsewhere.core.events import Event
    from elsewhere.core.folders import RunFolder
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)

#: files that are deleted before the journals get their turn: an object store takes its time
_AT_ONCE: Final = 20


def lasting(events: Sequence[Event]) -> list[Event]:
    """The `events` without the items that others of them replace or push out of their history, so
    that their bytes need not travel."""
    series: dict[tuple[str, str, str], dict[int, HistoryEvent]] = {}
    for event in events:
        if isinstance(event, HistoryEvent):
            items = series.setdefault((event.word, event.title, event.series), {})
            if (old := items.get(event.iteration)) is None or _rank(old) <= _rank(event):
                items[event.iteration] = event
    stay: set[int] = set()
    for items in series.values():
        last = max(map(_last, items.values()))
        stay.update(map(id, sorted(items.values(), key=_rank)[-last:]))
    return [one for one in events if not isinstance(one, HistoryEvent) or id(one) in stay]


class Dropped:
    """Deletes what the task of a folder has dropped. Threads may not share it."""

    def __init__(self, store: TaskStore, folder: RunFolder) -> None:
        self._store = store
        self._folder = folder
        #: an earlier attempt may have left some
        self._may_be_some = True
        #: what could not be deleted, and when to look at what else there is
        self._failed: set[str] = set()
        self._again_at = 0.0

    def look_at(self, events: Iterable[Event]) -> None:
        """Notes that `events`, which were delivered, may have dropped some."""
        self._may_be_some |= any(isinstance(one, (HistoryEvent, ModelReported)) for one in events)

    def delete(self) -> bool:
        """Deletes some, and returns whether there are more. Not to be called while events of the
        folder wait: a store that was restored with older data gets back with them what it has
        dropped. Raises StoreUnavailableError."""
        if not self._may_be_some or monotonic_s() < self._again_at:
            return False
        task_id, gone = self._folder.task_id, []
        dropped = self._store.dropped(task_id).items()
        here = [one for one in dropped if _is_here(*one) and one[0] not in self._failed]
        for url, machine in here[:_AT_ONCE]:
            name = Path(self._folder.files.name, file_name(url))
            try:
                if is_kept_for(task_id, url) or self._is_staged(url, name):
                    storage.delete(url, machine)
            except StorageError as error:
                logger.log(logging.DEBUG if self._failed else logging.WARNING, _LEFT, url, error)
                self._failed.add(url)
                self._again_at = monotonic_s() + RETRY_S
                break
            gone.append(url)
            forget_placed(self._folder, name)
        self._store.forget_dropped(task_id, gone)
        self._may_be_some = len(gone) < len(here)
        return self._may_be_some and len(gone) == _AT_ONCE

    def _is_staged(self, url: str, name: Path) -> bool:
        """Whether the staged file `name` lies at `url`, as it does in an offline session."""
        file = staged(self._folder, name)
        return file is not None and url == storage.file_url(file)


_LEFT: Final = "The bytes at %s, which no sample names any more, are left for now. %s"


def _rank(event: HistoryEvent) -> str:
    return rank_of(event.at)


def _last(event: HistoryEvent) -> int:
    way = event.way
    assert isinstance(way, History)
    return way.last(event)


def _is_here(url: str, machine: str) -> bool:
    """Whether it can be deleted here: not a file on the disk of another machine."""
    return not storage.is_file_url(url) or machine in ("", socket.gethostname())
