"""Series of scalars as stores keep them: what they are named, packed points, summaries.

A point of a series is 24 bytes, little endian: iteration (int64), time (float64), value (float64).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from elsewhere.core.choices import ScalarKind
from elsewhere.core.events import kind_of, whole
from elsewhere.store.api import SeriesSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from elsewhere.core.events import Scalar

#: iteration, time (Unix seconds), value
POINT: Final = struct.Struct("<qdd")
#: between title and series
UNIT_SEPARATOR: Final = "\x1f"


#: New points of one series, in the order of the operation POINTS of the scripts: name, packed
#: points, their number, highest iteration, last value, minimum, maximum, and 1 where the highest
#: iteration is one that the task has come to.
Piece: TypeAlias = tuple[str, bytes, int, int, float, float, float, int]


def name_of(title: str, series: str) -> str:
    """The name of a series in a store."""
    return f"{title}{UNIT_SEPARATOR}{series}"


def summary(
    name: str, count: Any, iteration: Any, last: Any, minimum: Any, maximum: Any
) -> SeriesSummary:
    """The summary of the series with the stored `name`; numbers may be texts."""
    title, _, series = name.partition(UNIT_SEPARATOR)
    return SeriesSummary(
        title=title,
        series=series,
        count=int(count),
        iteration=int(iteration),
        last=float(last),
        minimum=float(minimum),
        maximum=float(maximum),
    )


def pieces(scalars: Iterable[Scalar]) -> Iterator[Piece]:
    """Yields a piece for each series among `scalars`, of its points in their order."""
    points: dict[tuple[str, str], list[tuple[int, float, float]]] = {}
    for one in scalars:
        point = (whole(one.iteration), one.at, one.value)
        points.setdefault((one.title, one.series), []).append(point)
    for (title, series), new in points.items():
        values = [value for _, _, value in new if value == value] or [float("nan")]
        highest = max(iteration for iteration, _, _ in new)
        is_counted = int(kind_of(title, highest) is ScalarKind.SCALAR)
        packed = b"".join(POINT.pack(*point) for point in new)
        numbers = (len(new), highest, new[-1][2], min(values), max(values))
        yield name_of(title, series), packed, *numbers, is_counted
