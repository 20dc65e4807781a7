"""The pulse of a worker: when its threads last went round, and how its attempts have ended."""

from __future__ import annotations

import threading
from collections import Counter

from elsewhere.core.clock import monotonic_s


class Pulse:
    """Threads share it: those that must not hang call `beat`, others look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._beats: dict[str, float] = {}
        self._ended: Counter[str] = Counter()

    def beat(self, work: str) -> None:
        with self._lock:
            self._beats[work] = monotonic_s()

    def ages_s(self) -> dict[str, float]:
        """Maps each work to the seconds since its last beat."""
        now = monotonic_s()
        with self._lock:
            return {work: now - at for work, at in self._beats.items()}

    def note_end(self, reason: str) -> None:
        with self._lock:
            self._ended[reason] += 1

    def ended(self) -> dict[str, int]:
        """Maps reasons to how many attempts of this process's time have ended for them."""
        with self._lock:
            return dict(self._ended)
