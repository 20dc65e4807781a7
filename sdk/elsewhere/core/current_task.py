"""The task that this process is, for modules that stand below `task`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_find: Callable[[], Any] | None = None


def register(find: Callable[[], Any]) -> None:
    """Registers `find`, which returns the handle of this process's task or None."""
    global _find
    _find = find


def current_task() -> Any:
    """The handle of this process's task, or None without one."""
    return _find() if _find is not None else None
