"""The peer's job. It is imported anew for each one, so it imports next to nothing."""

from __future__ import annotations

import time


def note_start(path: str) -> None:
    """Writes when it began."""
    now = time.time()
    with open(path, "w") as file:  # noqa: PTH123 - weight
        file.write(repr(now))
