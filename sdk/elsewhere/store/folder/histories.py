"""Histories in a folder: the file `kept.<part>` has the events, `task.json` where each lies."""

from __future__ import annotations

import json
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from elsewhere.core.codec import compact, encode
from elsewhere.core.events import whole
from elsewhere.core.kept import History, history_parts
from elsewhere.store.folder.disk import Item
from elsewhere.store.histories import Head, Histories, name_of, rank_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from elsewhere.core.kept import HistoryEvent
    from elsewhere.store.folder.disk import Disk, StoredTask


class FolderHistories(Histories):
    """The part of the folder store that keeps histories."""

    _disk: Disk

    def held(self, task_id: str) -> dict[str, str]:
        with self._disk.locked():
            task = self._disk.task(task_id)
        items = chain.from_iterable(map(task.items, history_parts()))
        return {item.url: item.machine for item in items if item.url}

    def dropped(self, task_id: str) -> dict[str, str]:
        with self._disk.locked():
            return dict(self._disk.task(task_id).part("dropped"))

    def forget_dropped(self, task_id: str, urls: Collection[str]) -> None:
        with self._disk.locked():
            task = self._disk.task(task_id)
            if task.status and urls:
                for url in urls:
                    task.part("dropped").pop(url, None)
                self._disk.write_task(task_id, task)

    def _series(self, task_id: str, part: str) -> dict[str, tuple[int, float]]:
        found = self._all(task_id, part).items()
        return {name: (len(items), Item(*items[next(reversed(items))]).at) for name, items in found}

    def _heads(self, task_id: str, part: str, series: Iterable[str], last: int) -> list[Head]:
        found = self._all(task_id, part)
        return [
            Head(name, int(iteration), Item(*item).at)
            for name in series
            for iteration, item in list(found.get(name, {}).items())[-last:]
        ]

    def _items(self, task_id: str, part: str, heads: list[Head]) -> list[object]:
        with self._disk.locked():
            found, file = self._disk.task(task_id).part(part), self._disk.kept(task_id, part)
            places = (found.get(head.series, {}).get(str(head.iteration)) for head in heads)
            items = [None if place is None else Item(*place) for place in places]
            texts = [item and self._disk.read(file, item.start, item.length) for item in items]
        return [json.loads(text) if text else None for text in texts]

    def _all(self, task_id: str, part: str) -> dict[str, dict[str, list[Any]]]:
        with self._disk.locked():
            found: dict[str, dict[str, list[Any]]] = self._disk.task(task_id).part(part)
            return found

    def _add_item(self, task_id: str, task: StoredTask, event: HistoryEvent) -> None:
        """Adds an item, as `add_item` of the scripts does."""
        way = event.way
        assert isinstance(way, History)
        items = task.part(way.part).setdefault(name_of(event.title, event.series), {})
        iteration, rank = str(whole(event.iteration)), f"{task.attempt:06}{rank_of(event.at)}"
        old = Item(*items[iteration]) if iteration in items else None
        if old is not None and repr(old.at) == repr(event.at):  # the same report once more
            rank = old.rank
        data = encode(compact(event)).encode(errors="backslashreplace")
        start = self._disk.append(self._disk.kept(task_id, way.part), data)
        new = Item(rank, iteration, event.at, start, len(data), *event.bytes_at)
        if old is not None and old.rank > rank:
            task.drop([new] if new.url != old.url else [])
            return
        if old is not None:
            task.drop([old])
            del items[iteration]
        task.part("dropped").pop(new.url, None)
        _insert(items, new)
        extra = list(islice(items, max(0, len(items) - way.last(event))))
        task.drop(Item(*items.pop(one)) for one in extra)


def _insert(items: dict[str, Any], item: Item) -> None:
    """Inserts the item in its place: nearly always the last one."""
    is_last = not items or _place(items[next(reversed(items))]) < _place(item)
    items[item.iteration] = item
    if not is_last:
        in_order = sorted(items.items(), key=lambda pair: _place(pair[1]))
        items.clear()
        items.update(in_order)


def _place(item: Sequence[Any]) -> tuple[str, str]:
    rank, iteration, *_ = item
    return rank, iteration
