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
from elsewhere.core.process import at_fork

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun

_ROWS: Final = 48
_COLUMNS: Final = 50
#: bins of a row that is kept, a few times those that are drawn
_BINS: Final = 200
#: seconds without drawing for each second of it
_REST: Final = 20


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
        self._rest = _REST
        self._due_s = 0.0
        self._start()
        at_fork(after_in_child=self._start_in_child)

    def add(
        self,
        names: tuple[str, str],
        iteration: int,
        edges: Sequence[float],
        counts: Sequence[float],
    ) -> None:
        """Adds the `counts` of the values between each two `edges`, of which there is one more."""
        import numpy  # noqa: ICN001, PLC0415 - the program has it: its library needs it

        bounds = numpy.array(edges, float)
        known = bounds[numpy.isfinite(bounds)]
        if not len(counts) or not known.size:
            return
        # The least and the greatest value are not finite where one of them is NaN.
        bounds[0] = bounds[0] if numpy.isfinite(bounds[0]) else known[0]
        bounds[-1] = bounds[-1] if numpy.isfinite(bounds[-1]) else known[-1]
        bounds = numpy.maximum.accumulate(numpy.clip(bounds, bounds[0], bounds[-1]))
        within = numpy.asarray(counts, float)
        if len(within) > _BINS:
            fewer = numpy.linspace(bounds[0], bounds[-1], _BINS + 1)
            bounds, within = fewer, _spread(numpy, bounds, within, fewer)
        shifted = self._run.offset.shifted(iteration)
        with self._lock:
            one = self._series.setdefault(names, _Series())
            one.add(shifted, bounds, within)
            self._changed.setdefault(names)
            begun_s = monotonic_s()
            if begun_s >= self._due_s:
                self._draw(next(iter(self._changed)))
                now_s = monotonic_s()
                self._due_s = now_s + self._rest * (now_s - begun_s)

    def close(self) -> None:
        """Draws those that have changed since."""
        with self._lock:
            while self._changed:
                self._draw(next(iter(self._changed)))

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._series: dict[tuple[str, str], _Series] = {}
        #: those that have changed since they were drawn, the one that has waited longest first
        self._changed: dict[tuple[str, str], None] = {}

    def _start_in_child(self) -> None:
        """Begins anew: a thread that is gone may have held the lock. The end of a forked process
        is not announced, so nothing waits there."""
        self._start()
        self._rest = 0

    def _draw(self, names: tuple[str, str]) -> None:
        import numpy  # noqa: ICN001, PLC0415

        del self._changed[names]
        rows = self._series[names].rows
        low = min(row.edges[0] for row in rows)
        high = max(row.edges[-1] for row in rows)
        if not low < high:
            low, high = low - 0.5, high + 0.5
        edges = numpy.linspace(low, high, _COLUMNS + 1)
        matrix = [_spread(numpy, row.edges, row.counts, edges) for row in rows]
        labels = [f"{middle:.4g}" for middle in (edges[1:] + edges[:-1]) / 2]
        logger = self._run.logger
        if len(rows) == 1:
            logger.report_histogram(*names, matrix[0], xlabels=labels, xaxis="value", yaxis="count")
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


def _spread(numpy: Any, edges: Any, counts: Any, others: Any) -> Any:
    """The `counts` between `edges` as those between `others`: each is spread over its own width."""
    below = numpy.concatenate(([0.0], numpy.cumsum(counts)))
    at = numpy.interp(others, edges, below)
    at[0], at[-1] = 0.0, below[-1]  # several edges lie there where all values are the same
    return numpy.diff(at)


def _thinned(labels: list[str]) -> list[str]:
    step = -(-len(labels) // 8)
    return [label if at % step == 0 else "" for at, label in enumerate(labels)]
