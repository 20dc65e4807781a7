"""Series of scalars as stores keep them: names, summaries, points (`core/scalars.py`), buckets.

A bucket stands for neighbouring points, so that a curve is drawn without reading it: their number
(uint32, little endian), and of them the lowest and the highest, in their order. Where all values
are NaN, that is the first point twice. With the series the buckets grow: neighbours become one.
"""

from __future__ import annotations

import struct
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from elsewhere.core.choices import ScalarKind
from elsewhere.core.scalars import POINT, kind_of, numbers
from elsewhere.store.api import SeriesSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from elsewhere.core.scalars import Column

#: between title and series
UNIT_SEPARATOR: Final = "\x1f"
#: points of a bucket at most, in a short series and in longer ones: the first number with which a
#: series has no more than FEW_BUCKETS. A point takes about 26 bytes, in a long series below 25.
BUCKET_POINTS: Final = (32, 64, 128)
FEW_BUCKETS: Final = 512
#: what stands for the iteration of an extreme that an earlier version has written
_NOWHERE: Final = (None, "-", b"-")
#: the number of its points, and two of them
_BUCKET: Final = struct.Struct(f"<I{2 * POINT.size}s")
BUCKET_BYTES: Final = _BUCKET.size
_POINTS: Final = struct.Struct(f"{POINT.size}s")


class Piece(NamedTuple):
    """New points of one series, so many in `number`, in the order of the operation POINTS of the
    scripts. `is_counted`: 1 where the highest iteration is one that the task has come to."""

    name: str
    packed: bytes
    buckets: bytes
    is_counted: int
    number: int
    iteration: int
    last: float
    minimum: float
    maximum: float
    minimum_at: int
    maximum_at: int


def name_of(title: str, series: str) -> str:
    """The name of a series in a store."""
    return f"{title}{UNIT_SEPARATOR}{series}"


def summary(name: str, *found: Any) -> SeriesSummary:
    """The summary of the series with the stored `name`, of the numbers of a piece from `number` on,
    which may be texts; an earlier version kept the first five."""
    title, _, series = name.partition(UNIT_SEPARATOR)
    count, iteration, last, minimum, maximum, *where = found
    minimum_at, maximum_at = (None if at in _NOWHERE else int(at) for at in where or _NOWHERE[1:])
    return SeriesSummary(
        title=title,
        series=series,
        count=int(count),
        iteration=int(iteration),
        last=float(last),
        minimum=float(minimum),
        maximum=float(maximum),
        minimum_at=minimum_at,
        maximum_at=maximum_at,
    )


def pieces(columns: Iterable[Column]) -> Iterator[Piece]:
    """Yields a piece for each series among the `columns`, of its points in their order."""
    points: dict[tuple[str, str], list[bytes]] = {}
    for column in columns:
        points.setdefault((column.title, column.series), []).append(column.points)
    for (title, series), new in points.items():
        packed = b"".join(new)
        iterations, values = numbers("q", packed)[0::3], numbers("d", packed)[2::3].tolist()
        parts = list(_parts(values, _edges(len(values))))
        ends = [at for _, *two in parts for at in two]
        low, high = (ends[number] for number in _extremes([values[at] for at in ends]))
        highest = max(iterations)
        yield Piece(
            name=name_of(title, series),
            packed=packed,
            buckets=b"".join([_BUCKET.pack(size, _at(packed, *two)) for size, *two in parts]),
            is_counted=int(kind_of(title, highest) is ScalarKind.SCALAR),
            number=len(values),
            iteration=highest,
            last=values[-1],
            minimum=values[low],
            maximum=values[high],
            minimum_at=iterations[low],
            maximum_at=iterations[high],
        )


def sampled(packed: bytes, most: int) -> bytes:
    """At most `most` of the points, 0 for all: the first, the last, and of equal parts between the
    lowest and the highest, so that no spike is lost. Their order stays."""
    count = len(packed) // POINT.size
    if not most or count <= most:
        return packed
    ends = [packed[: POINT.size], packed[-POINT.size :]]
    if most <= len(ends):
        return b"".join(ends[-most:])
    parts = (most - len(ends)) // 2
    values = numbers("d", packed)[2::3].tolist()
    edges = [count * number // parts for number in range(parts + 1)] if parts else []
    middle = [_at(packed, *two) for _, *two in _parts(values, edges)]
    return distinct(b"".join([ends[0], *middle, ends[1]]))


def points_of(buckets: bytes) -> tuple[int, bytes]:
    """How many points the stored `buckets` stand for, and the points that they have."""
    found = list(_BUCKET.iter_unpack(buckets))
    return sum([count for count, _ in found]), b"".join([two for _, two in found])


def distinct(packed: bytes) -> bytes:
    """The points without those that repeat the one before to the byte."""
    return b"".join([point for (point,), _ in groupby(_POINTS.iter_unpack(packed))])


def _edges(count: int) -> list[int]:
    """Where buckets of so many points begin, and the end of the last one."""
    fits = (points for points in BUCKET_POINTS if count <= FEW_BUCKETS * points)
    return [*range(0, count, next(fits, BUCKET_POINTS[-1])), count]


def _parts(values: list[float], edges: list[int]) -> Iterator[tuple[int, int, int]]:
    """Yields of the values between two `edges` each their number and the indexes of the two to
    keep."""
    for start, end in pairwise(edges):
        low, high = _extremes(values[start:end])
        yield end - start, start + min(low, high), start + max(low, high)


def _at(packed: bytes, first: int, second: int) -> bytes:
    """Two of the points."""
    size = POINT.size
    return packed[first * size : first * size + size] + packed[second * size : second * size + size]


def _extremes(values: list[float]) -> tuple[int, int]:
    """The indexes of the lowest and of the highest number; the first where all are NaN."""
    low, high = min(values), max(values)
    if low != low or high != high:  # a NaN in front hides what follows from min and max
        there = [value for value in values if value == value]
        if not there:
            return 0, 0
        low, high = min(there), max(there)
    return values.index(low), values.index(high)
