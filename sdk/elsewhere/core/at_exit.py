"""Calls at the exit of this process, after the functions of its program.

Python calls the functions of `atexit` in the reverse order of their registration. That of this
module is registered at the first import of the SDK, so that those which the program registers after
it may still report.
"""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_calls: list[Callable[[], None]] = []


def register(call: Callable[[], None]) -> None:
    """Calls `call` at the exit, the last registered one first."""
    _calls.append(call)


def unregister(call: Callable[[], None]) -> None:
    """Does not call `call` any more, if it was registered."""
    if call in _calls:
        _calls.remove(call)


@atexit.register
def _call_all() -> None:
    while _calls:
        _calls.pop()()
