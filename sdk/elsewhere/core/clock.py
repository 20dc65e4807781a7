"""Time as everything here sees it: Unix seconds, UTC, as float."""

from __future__ import annotations

import time

__all__ = ["monotonic_s", "now_at"]


def now_at() -> float:
    """This machine's wall clock. What leases are measured with is the store's own clock."""
    return time.time()


def monotonic_s() -> float:
    """Seconds that never jump: for waits and limits."""
    return time.monotonic()
