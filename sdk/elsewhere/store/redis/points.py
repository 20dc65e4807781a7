"""Points of series in Redis, read: all of them, or those of the buckets of a long series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from elsewhere.core.scalars import POINT
from elsewhere.store import curves
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

#: commands of one round trip, and what is answered to them; in the end packed points
_Reading: TypeAlias = "Generator[list[tuple[str, ...]], list[Any], bytes]"


def read(redis: Any, wanted: Iterable[tuple[str, str, str]], most: int) -> list[bytes]:
    """The packed points of each (task id, title, series) that is `wanted`, in three round trips at
    most. Of a series with more points than `most`, 0 for all, those of its buckets if they are at
    least half of that."""
    readings = [
        _read(keys.TaskKeys(task_id), curves.name_of(*name), most) for task_id, *name in wanted
    ]
    found = [b""] * len(readings)
    asked = {at: next(reading) for at, reading in enumerate(readings)}
    while asked:
        with redis_errors(), redis.pipeline() as pipe:  # one step: count and buckets fit together
            for commands in asked.values():
                for command in commands:
                    pipe.execute_command(*command)
            answers = iter(pipe.execute())
        for at, commands in list(asked.items()):
            try:
                asked[at] = readings[at].send([next(answers) for _ in commands])
            except StopIteration as end:
                found[at] = end.value
                del asked[at]
    return found


def _read(task: keys.TaskKeys, name: str, most: int) -> _Reading:
    ask_count = ("HGET", task.scalars, name)
    summary, length = yield [ask_count, ("STRLEN", task.buckets(name))]
    count = count_of(summary)
    if 0 < most < count and 4 * (length // curves.BUCKET_BYTES) >= most:
        ends = [*_points(task, name, 0, 1), *_points(task, name, count - 1, count)]
        summary, buckets, first, last = yield [ask_count, ("GET", task.buckets(name)), *ends]
        known, points = curves.points_of(buckets or b"")
        if known == count_of(summary):  # else an earlier version has written some of them
            found = bytes(first + points + last)
            return found if len(found) > most * POINT.size else curves.distinct(found)
    return b"".join((yield list(_points(task, name, 0, count))))


def count_of(summary: bytes | str | None) -> int:
    """The number of points of a series, from its `summary` in Redis."""
    return int(summary.split()[0]) if summary else 0


def _points(
    task: keys.TaskKeys, name: str, start: int, end: int
) -> Generator[tuple[str, ...], None, None]:
    """Yields the commands that read the points from the index `start` up to `end`."""
    while start < end:
        chunk, inside = divmod(start, keys.CHUNK_POINTS)
        there = min(keys.CHUNK_POINTS - inside, end - start)
        first, behind = inside * POINT.size, (inside + there) * POINT.size
        yield ("GETRANGE", task.points(name, chunk), str(first), str(behind - 1))
        start += there
