"""Columns: the points of scalars that wait for the journal, packed, a column a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.core.scalars import POINT, Column
from elsewhere.report.reported import checked_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class OpenColumn:
    """The points of one series that wait. All threads append to `points`, whoever writes takes
    from its beginning; `iteration` is the last one that was reported."""

    __slots__ = ("iteration", "points", "series", "title")

    def __init__(self, title: str, series: str) -> None:
        self.title, self.series = title, series
        self.points = bytearray()
        self.iteration = -1

    def take(self, size: int) -> Column | None:
        """Takes up to `size` bytes from the beginning; None if another thread has taken them."""
        points = bytes(self.points[:size])
        # A thread that reports in between, or a fork, finds its points behind these.
        del self.points[: len(points)]
        return Column(self.title, self.series, points) if points else None

    def put_back(self, taken: Column) -> None:
        self.points[:0] = taken.points


class Columns(dict[tuple[Any, Any], OpenColumn]):
    """The columns of a process by title and series: a new one checks these names, once, and hides
    the secrets in them.

    Whoever has appended a point calls `wake` unless the thread that writes `is_awake`.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self.wake = wake
        self.is_awake = False
        self._known = KnownSecrets.of_this_process()

    def __missing__(self, names: tuple[Any, Any]) -> OpenColumn:
        title = self._known.hide(checked_name("title", names[0]))
        series = self._known.hide(checked_name("series", names[1]))
        self[names] = column = self.setdefault((title, series), OpenColumn(title, series))
        return column

    @property
    def count(self) -> int:
        """The number of points that wait."""
        return sum(len(column.points) for column in self._all()) // POINT.size

    def blocks(self, most: int) -> Iterator[list[tuple[OpenColumn, int]]]:
        """Yields what waits now in blocks of about `most` points: columns, and bytes of each."""
        block, room = [], most
        for column in self._all():
            left = len(column.points) // POINT.size
            while left:
                points = min(left, room)
                block.append((column, points * POINT.size))
                left, room = left - points, room - points
                if not room:
                    yield block
                    block, room = [], most
        if block:
            yield block

    def drop_oldest(self, most: int) -> int:
        """Drops the older half of each column where more than `most` points wait; returns how many
        that were."""
        before = self.count
        if before > most:
            for column in self._all():
                half = len(column.points) // POINT.size // 2
                del column.points[: half * POINT.size]
        return max(0, before - self.count)

    def clear_points(self) -> None:
        for column in self._all():
            column.points.clear()

    def _all(self) -> list[OpenColumn]:
        # Listed in one step, since other threads begin columns; odd names share one.
        return list(dict.fromkeys(list(self.values())))
