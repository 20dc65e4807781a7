"""Histograms over the iterations: one plot a series, bounded in size and in work.

One histogram is bars. Several are a surface: a row for each of the iterations, evenly spread over
all of them, and its columns the same for all.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from elsewhere.core.clock import monotonic_s

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun

_ROWS: Final = 48
_COLUMNS: Final = 50
#: seconds of other work for each second of drawing
_SHARE: Final = 20


class _Row(NamedTuple):
    number: int
    iteration: int
    edges: Any
    counts: Any


@dataclass(slots=True)
class _Series:
    rows: list[_Row] = field(default_factory=list)
    #: a row is kept of each so many
    stride: int = 1
    count: int = 0

    def add(self, iteration: int, edges: Any, counts: Any) -> None:
        if self.rows and self.rows[-1].number % self.stride:
            self.rows.pop()  # it was there for being the newest
        self.rows.append(_Row(self.count, iteration, edges, counts))
        self.count += 1
        if len(self.rows) > _ROWS:
            self.stride *= 2
            self.rows = [
                row
                for row in self.rows
                if row.number % self.stride == 0 or row.number == self.count - 1
            ]


class Histograms:
    """Draws histograms by title and series; a plot is drawn anew as the time for it allows."""

    def __init__(self, run: OwnRun) -> None:
        self._run = run
        self._series: dict[tuple[str, str], _Series] = {}
        #: those that have changed since they were drawn, the one that has waited longest first
        self._changed: dict[tuple[str, str], None] = {}
        self._lock = threading.RLock()
        self._due_s = 0.0

    def add(
        self, names: tuple[str, str], iteration: int, edges: Sequence[float], counts: Sequence[float]
    ) -> None:
        """Adds the `counts` of values between each two `edges`, one more than they are."""
        import numpy  # noqa: ICN001, PLC0415 - the program has it: its library needs it

        if not len(counts):
            return
        shifted = self._run.offset.shifted(iteration)
        with self._lock:
            one = self._series.setdefault(names, _Series())
            one.add(shifted, numpy.asarray(edges, float), numpy.asarray(counts, float))
            self._changed.setdefault(names)
            begun_s = monotonic_s()
            if begun_s >= self._due_s:
                self._draw(next(iter(self._changed)))
                now_s = monotonic_s()
                self._due_s = now_s + _SHARE * (now_s - begun_s)

    def close(self) -> None:
        """Draws those that have changed since."""
        with self._lock:
            while self._changed:
                self._draw(next(iter(self._changed)))

    def _draw(self, names: tuple[str, str]) -> None:
        import numpy  # noqa: ICN001, PLC0415

        del self._changed[names]
        rows = self._series[names].rows
        low = min(row.edges[0] for row in rows)
        high = max(row.edges[-1] for row in rows)
        if not low < high:
            low, high = low - 0.5, high + 0.5
        edges = numpy.linspace(low, high, _COLUMNS + 1)
        matrix = [_spread(numpy, row, edges) for row in rows]
        labels = [f"{middle:.4g}" for middle in (edges[1:] + edges[:-1]) / 2]
        logger = self._run.logger
        if len(rows) == 1:
            axes = {"xaxis": "value", "yaxis": "count"}
            logger.report_histogram(*names, matrix[0], xlabels=labels, **axes)
        else:
            logger.report_surface(
                *names,
                matrix,
                xaxis="value",
                yaxis="iteration",
                zaxis="count",
                xlabels=_thinned(labels),
                ylabels=_thinned([str(row.iteration) for row in rows]),
            )


def _spread(numpy: Any, row: _Row, edges: Any) -> Any:
    """The counts of the row between other `edges`: each spread over its own width."""
    below = numpy.concatenate(([0.0], numpy.cumsum(row.counts)))
    at = numpy.interp(edges, row.edges, below)
    at[0], at[-1] = 0.0, below[-1]  # where all values are the same, their edges are
    return numpy.diff(at)


def _thinned(labels: list[str]) -> list[str]:
    step = -(-len(labels) // 8)
    return [label if at % step == 0 else "" for at, label in enumerate(labels)]
