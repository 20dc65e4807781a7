"""What a running task reports of its scalars: points of series, a column a series.

A point is 24 bytes, little endian: iteration (int64), time (Unix seconds, float64), value
(float64). `Logger.report_scalar` packs it, and so it stays: in memory, in the journal (as base64, a
block of columns in a line), on the way into the store and in it.

`core/events.py` passes the events on.
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode
from dataclasses import replace
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core import kept
from elsewhere.core.choices import ScalarKind
from elsewhere.core.codec import encode
from elsewhere.core.errors import RecordError
from elsewhere.core.frozen import dataclass
from elsewhere.core.kept import CLAIM, RESET, Event, declare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: iteration, time (Unix seconds), value
POINT: Final = Struct("<qdd")
#: how a title marks a series as one of resources, and as one of our own monitors
_RESOURCE: Final = ":"
MONITOR: Final = f"{_RESOURCE}monitor:"
#: title and iteration of values that have no iterations: no loop reaches it
SINGLES: Final = "Summary"
_SINGLE: Final = (SINGLES, -(2**31))
#: iterations lie within plus and minus this: a point has 64 bits for them
_MOST: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Column:
    """Packed `points` of the series `series` in the graph `title`, in their order."""

    title: str
    series: str
    points: bytes

    def __post_init__(self) -> None:
        if not self.points or len(self.points) % POINT.size:
            raise RecordError(f"The {len(self.points)} bytes of a column are not whole points.")

    def shifted(self, offset: int) -> Column:
        """The column with its iterations moved by `offset`, but for those of single values."""
        points = POINT.iter_unpack(self.points)
        packed = (POINT.pack(self._moved(at, offset), *point) for at, *point in points)
        return replace(self, points=b"".join(packed))

    def _moved(self, iteration: int, offset: int) -> int:
        is_single = kind_of(self.title, iteration) is ScalarKind.SINGLE
        return iteration if is_single else whole(iteration + offset)


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a series, in the order of the reports: an array for each of the three numbers."""

    iterations: array[int]
    times: array[float]
    values: array[float]

    @classmethod
    def of(cls, packed: bytes) -> Curve:
        words = numbers("d", packed)
        return cls(numbers("q", packed)[0::3], words[1::3], words[2::3])

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[tuple[int, float, float]]:
        return zip(self.iterations, self.times, self.values, strict=True)


@declare("scalars", kept.Points(cleared_by=CLAIM | RESET))
@dataclass(frozen=True, slots=True, kw_only=True)
class Scalars(Event):
    """A block of points."""

    columns: tuple[Column, ...]

    def encoded(self) -> str:
        # As `encode` writes it, in a third of the time: nothing in base64 is escaped.
        columns = (
            f'{{"title":{encode(one.title)},"series":{encode(one.series)},'
            f'"points":"{b64encode(one.points).decode()}"}}'
            for one in self.columns
        )
        return f'{{"columns":[{",".join(columns)}]}}'

    def points(self) -> Iterable[Column]:
        return self.columns


@declare("scalar", kept.Points(cleared_by=CLAIM | RESET), free=("title", "series"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar(Event):
    """One point of the series `series` in the graph `title`."""

    title: str
    series: str
    value: float
    iteration: int
    at: float

    @property
    def kind(self) -> ScalarKind:
        return kind_of(self.title, self.iteration)

    def points(self) -> Iterable[Column]:
        packed = POINT.pack(whole(self.iteration), self.at, self.value)
        return (Column(self.title, self.series, packed),)


@declare("resources", kept.Points(cleared_by=CLAIM | RESET))
@dataclass(frozen=True, slots=True, kw_only=True)
class Resources(Event):
    """What the task's process tree and devices used: `title` is the monitor's name."""

    title: str
    values: dict[str, float]
    at: float
    elapsed_s: float = 0.0

    def points(self) -> Iterable[Column]:
        second = whole(self.elapsed_s)
        for name, value in self.values.items():
            yield Column(self.title, name, POINT.pack(second, self.at, value))


def numbers(typecode: str, packed: bytes) -> array[Any]:
    """The 8-byte words of packed points as numbers: iterations are every third with `q`, from 0 on,
    times and values with `d`, from 1 and from 2 on."""
    words = array(typecode, packed)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def kind_of(title: str, iteration: int) -> ScalarKind:
    """The kind of a scalar, or of a series by its highest `iteration`.

    Journals and stores have no other word for it, so how a `title` spells it stays as it is.
    """
    if title.startswith(_RESOURCE):
        return ScalarKind.RESOURCE
    return ScalarKind.SINGLE if (title, iteration) == _SINGLE else ScalarKind.SCALAR


def whole(number: float) -> int:
    """Returns the nearest iteration that a point can hold, so that no report stops delivery."""
    return int(max(-_MOST, min(_MOST, number))) if number == number else 0


def single_value(name: str, value: float, at: float) -> Scalar:
    """A `value` with a `name` and without iterations, reported `at` that time."""
    title, iteration = _SINGLE
    return Scalar(title=title, series=name, value=value, iteration=iteration, at=at)
