"""What a task said: progress, scalars, output."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.choices import ScalarKind
from elsewhere.core.errors import UsageError, known_choices
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ReportsAspect"]


def _iso(at: float) -> str:
    from datetime import datetime, timezone  # noqa: PLC0415 - weight

    return datetime.fromtimestamp(at, timezone.utc).isoformat()


#: what stands on an axis, of a point's iteration and time
_AXES: Final[dict[str, Callable[[int, float], Any]]] = {
    "iter": lambda iteration, _at: iteration,
    "timestamp": lambda _iteration, at: round(at * 1000),
    "iso_time": lambda _iteration, at: _iso(at),
}


class ReportsAspect(Handle):
    """Read from the store, where all that was said before has arrived."""

    def get_progress(self) -> float | None:
        """The last progress, 0 to 100; None when the task has not begun."""
        if self.access.run is not None:
            return self.access.run.progress
        return self.access.state.progress

    def get_reported_scalars(
        self, max_samples: int = 0, x_axis: str = "iter"
    ) -> dict[str, dict[str, dict[str, Any]]]:
        """{title: {series: {"name": series, "x": [...], "y": [...]}}}, in reported order.

        max_samples
            0 for every point; else at most so many a series, each the mean of its neighbours.
        x_axis
            iter: iterations; timestamp: milliseconds since 1970; iso_time: texts, in UTC.

        Raises UsageError for another axis.
        """
        if x_axis not in list(_AXES):  # a list may be asked for what cannot be hashed
            known = known_choices(str(x_axis), _AXES)
            raise UsageError(f"There is no x_axis {x_axis!r:.80}. {known}")
        most: object = max_samples
        if isinstance(most, bool) or not isinstance(most, int) or most < 0:
            raise UsageError(
                f"max_samples must be a whole number, 0 for all, not {max_samples!r:.80}."
            )
        self.reload()
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for item in self.access.store.series(self.id):
            points = self.access.store.points(self.id, item.title, item.series)
            sampled = _sampled(points, max_samples)
            found.setdefault(item.title, {})[item.series] = {
                "name": item.series,
                "x": [_AXES[x_axis](iteration, at) for iteration, at, _ in sampled],
                "y": [value for _, _, value in sampled],
            }
        return found

    def get_all_reported_scalars(
        self, x_axis: str = "iter"
    ) -> dict[str, dict[str, dict[str, Any]]]:
        """Every point, as `get_reported_scalars` gives them."""
        return self.get_reported_scalars(x_axis=x_axis)

    def get_last_scalar_metrics(self) -> dict[str, dict[str, dict[str, float]]]:
        """{title: {series: {"last": value, "min": value, "max": value}}}."""
        self.reload()
        found: dict[str, dict[str, dict[str, float]]] = {}
        for item in self.access.store.series(self.id):
            summary = {"last": item.last, "min": item.minimum, "max": item.maximum}
            found.setdefault(item.title, {})[item.series] = summary
        return found

    def get_reported_single_values(self) -> dict[str, float]:
        """Name to the last value that `Logger.report_single_value` reported."""
        self.reload()
        return {
            item.series: item.last
            for item in self.access.store.series(self.id)
            if item.kind is ScalarKind.SINGLE
        }

    def get_reported_single_value(self, name: str) -> float | None:
        """One of them; None where it was not reported."""
        if not isinstance(name, str):
            raise UsageError(f"The name of a single value is a text, not {name!r:.80}.")
        return self.get_reported_single_values().get(name)

    def get_reported_console_output(self, number_of_reports: int = 1) -> list[str]:
        """The last pieces of the newest attempt's output, at most 64 KiB each, oldest first."""
        most: object = number_of_reports
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise UsageError(
                f"number_of_reports must be a whole number from 1 on, not {most!r:.80}."
            )
        self.access.settle()
        size, attempt = 64 * 1024, self.access.state.attempt
        length = self.access.store.output_length(self.id, attempt)
        start = max(0, length - size * number_of_reports)
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        pieces = []
        while start < length:
            piece = self.access.store.output(
                self.id, attempt=attempt, start=start, limit_bytes=size
            )
            if piece.next == start:  # deleted meanwhile
                break
            pieces.append(decoder.decode(piece.data))
            start = piece.next
        return pieces


def _sampled(points: list[tuple[int, float, float]], most: int) -> list[tuple[int, float, float]]:
    """At most so many; each has the last iteration and time of those whose mean it is."""
    from itertools import pairwise  # noqa: PLC0415 - weight

    if not most or len(points) <= most:
        return points
    edges = [len(points) * part // most for part in range(most + 1)]
    pieces = [points[start:end] for start, end in pairwise(edges)]
    return [(*piece[-1][:2], sum(one[2] for one in piece) / len(piece)) for piece in pieces]
