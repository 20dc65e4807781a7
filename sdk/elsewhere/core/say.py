"""Lines on stderr for the person who runs a script, marked as ours."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(sentence: str) -> None:
    """Prints `sentence`, in one write: another thread may print. Nothing where stderr is closed or
    was never there."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"Elsewhere: {sentence}\n")
            sys.stderr.flush()
