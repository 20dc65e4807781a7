"""The clocks of this machine: Unix seconds in UTC, and seconds that never jump; as float."""

from __future__ import annotations

import time


def now_at() -> float:
    """The time of this machine's wall clock. Leases are measured with the store's clock."""
    return time.time()


def monotonic_s() -> float:
    """Seconds that never jump: for waits and limits."""
    return time.monotonic()
