"""What a task said: progress, scalars, output."""

from __future__ import annotations

import codecs
from typing import Any

from elsewhere.handle.handle import Handle

__all__ = ["Heard"]


class Heard(Handle):
    """Read from the store, where all that was said before has arrived."""

    def get_progress(self) -> float | None:
        """The last progress, 0 to 100; None when the task has not begun."""
        if self._run is not None and self._is_own:
            return self._run.progress
        return self._state.progress

    def get_reported_scalars(self) -> dict[str, dict[str, dict[str, Any]]]:
        """{title: {series: {"name": series, "x": iterations, "y": values}}}, in reported order."""
        self._settle()
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for item in self._store.series(self.id):
            points = self._store.points(self.id, item.title, item.series)
            found.setdefault(item.title, {})[item.series] = {
                "name": item.series,
                "x": [iteration for iteration, _, _ in points],
                "y": [value for _, _, value in points],
            }
        return found

    def get_reported_console_output(self, number_of_reports: int = 1) -> list[str]:
        """The last pieces of the newest attempt's output, at most 64 KiB each, oldest first."""
        self._settle()
        size, attempt = 64 * 1024, self._state.attempt
        length = self._store.output_length(self.id, attempt)
        start = max(0, length - size * max(1, number_of_reports))
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        pieces = []
        while start < length:
            piece = self._store.output(self.id, attempt=attempt, start=start, limit_bytes=size)
            if piece.next == start:  # deleted meanwhile
                break
            pieces.append(decoder.decode(piece.data))
            start = piece.next
        return pieces
