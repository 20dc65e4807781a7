"""Lines on stderr for the person who runs a script, marked as ours."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(sentence: str) -> None:
    """Prints `sentence`, unless stderr is closed or was never there."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(f"Elsewhere: {sentence}", file=sys.stderr)
