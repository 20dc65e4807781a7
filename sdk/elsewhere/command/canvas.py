"""A canvas of braille characters: curves in a terminal, with 2 by 4 dots a character."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: the bit of each dot of a character, by row and column (Unicode, block Braille Patterns)
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK: Final = 0x2800


class Canvas:
    """`columns` by `rows` characters; the dots have coordinates from 0 to 1, (0, 0) at the bottom
    left."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._bits = [[0] * columns for _ in range(rows)]
        self._pens = [[0] * columns for _ in range(rows)]

    def draw(self, points: Iterable[tuple[float, float] | None], pen: int) -> None:
        """Joins the points by lines, with gaps at None. A character belongs to the last `pen`."""
        last: tuple[int, int] | None = None
        for point in points:
            dot = None if point is None else self._dot(*point)
            if dot is not None:
                for x, y in _line(last or dot, dot):
                    self._set(x, y, pen)
            last = dot

    def lines(self) -> Iterator[list[tuple[str, int]]]:
        """Yields the lines from the top: of each character itself and its pen."""
        for bits, pens in zip(self._bits, self._pens, strict=True):
            yield [(chr(_BLANK + bit), pen) for bit, pen in zip(bits, pens, strict=True)]

    def _dot(self, x: float, y: float) -> tuple[int, int]:
        return round(x * (2 * self.columns - 1)), round((1 - y) * (4 * self.rows - 1))

    def _set(self, x: int, y: int, pen: int) -> None:
        self._bits[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        self._pens[y // 4][x // 2] = pen


def _line(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    (x, y), (to_x, to_y) = start, end
    steps = max(abs(to_x - x), abs(to_y - y), 1)
    for step in range(steps + 1):
        yield x + round((to_x - x) * step / steps), y + round((to_y - y) * step / steps)
