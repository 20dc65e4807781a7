"""Histories as stores keep them, and the readers of them that all stores share.

A series is named by the JSON of its title and series: no such name is the beginning of another one.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from elsewhere.core.codec import encode, from_plain
from elsewhere.core.events import whole
from elsewhere.core.kept import MOST_ITEMS, HistoryEvent
from elsewhere.store.api import SeriesHistory

if TYPE_CHECKING:
    from collections.abc import Iterable

E = TypeVar("E", bound=HistoryEvent)


class Head(NamedTuple):
    """An item without its content: its series by name, its iteration, the time of its report."""

    series: str
    iteration: int
    at: float


def name_of(title: str, series: str) -> str:
    """The name of a series in a store."""
    # As it comes back from a store: half characters as the escapes of JSON.
    return encode((title, series)).encode(errors="backslashreplace").decode()


def rank_of(at: float) -> str:
    """The time `at` as text that sorts as times do; a time that no clock has is the earliest."""
    return f"{at if 0 <= at < 1e10 else 0.0:017.6f}"


class Histories(ABC):
    """The readers of histories in `api.TaskStore`."""

    def histories(self, task_id: str, kind: type[HistoryEvent]) -> list[SeriesHistory]:
        found = []
        for name, (count, at) in self._series(task_id, kind.way.part).items():
            title, series = json.loads(name)
            found.append(SeriesHistory(title=title, series=series, count=count, at=at))
        return sorted(found, key=lambda one: (one.title, one.series))

    def history(
        self, task_id: str, kind: type[E], title: str, series: str, *, last: int = MOST_ITEMS
    ) -> list[E]:
        return self._read(
            task_id, kind, self._heads(task_id, kind.way.part, [name_of(title, series)], last)
        )

    def newest(self, task_id: str, kind: type[E], last: int) -> list[E]:
        part = kind.way.part
        series = self._series(task_id, part)
        names = sorted(series, key=lambda name: series[name][1])[-last:]
        heads = sorted(self._heads(task_id, part, names, last), key=lambda head: head.at)
        return self._read(task_id, kind, heads[-last:])

    def item(
        self, task_id: str, kind: type[E], title: str, series: str, iteration: int
    ) -> E | None:
        head = Head(name_of(title, series), whole(iteration), 0.0)
        return next(iter(self._read(task_id, kind, [head])), None)

    def _read(self, task_id: str, kind: type[E], heads: list[Head]) -> list[E]:
        found = self._items(task_id, kind.way.part, heads) if heads else []
        return [from_plain(kind, plain) for plain in found if plain is not None]

    @abstractmethod
    def _series(self, task_id: str, part: str) -> dict[str, tuple[int, float]]:
        """Maps the names of series to the number of items and the time of the newest report."""

    @abstractmethod
    def _heads(self, task_id: str, part: str, series: Iterable[str], last: int) -> list[Head]:
        """The `last` items of each of the `series`, oldest first."""

    @abstractmethod
    def _items(self, task_id: str, part: str, heads: list[Head]) -> list[object]:
        """The plain items of `heads`; None for one that is gone."""
