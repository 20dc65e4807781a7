"""The task that this process is, for modules that stand below `task`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["current_task", "tell"]

_ask: Callable[[], Any] | None = None


def tell(ask: Callable[[], Any]) -> None:
    """`ask` gives the handle on it, or None: who makes the task says how to find it."""
    global _ask
    _ask = ask


def current_task() -> Any:
    """A handle; None where this process is no task."""
    return _ask() if _ask is not None else None
