"""The callers of a function that a hook has replaced: the program, or a library for itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Final

_OURS: Final = __name__.rpartition(".")[0]


def calling_module(*passed: str) -> str:
    """Returns the nearest module on the stack that is neither a hook nor among those `passed`."""
    return next((one for one in calling_modules() if one not in passed), "")


def calling_modules() -> Iterator[str]:
    """Yields the modules on the stack, but for hooks, the nearest first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if not module.startswith(_OURS):
            yield module
        frame = frame.f_back
