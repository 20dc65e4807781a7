"""The caller of a function that a hook has replaced: the program, or a library for itself."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Final

_OURS: Final = __name__.rpartition(".")[0]


def calling_module(*passed: str) -> str:
    """Returns the nearest module on the stack that is neither a hook nor among those `passed`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module not in passed and not module.startswith(_OURS):
            return module
        frame = frame.f_back
    return ""
