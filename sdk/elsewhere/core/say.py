"""What we say to the person who runs a script: a line on stderr, marked as ours."""

from __future__ import annotations

import sys
from contextlib import suppress

__all__ = ["say"]


def say(sentence: str) -> None:
    """A stderr that is closed, or was never there, is no reason to fail."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(f"Elsewhere: {sentence}", file=sys.stderr)
