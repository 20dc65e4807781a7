"""The changes that Python makes to a terminal's modes, after what was written before.

A terminal's modes are those of all that it gets from then on, and `getpass` writes to it directly:
what was printed before has to be there by then, as it is without a copier on its way.
"""

from __future__ import annotations

import sys
import termios
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def before_modes(drain: Callable[[], None]) -> Callable[[], None]:
    """Has `termios.tcsetattr`, which getpass, tty and prompt_toolkit call, call `drain` first.
    Returns what undoes that."""
    original: Any = termios.tcsetattr

    @wraps(original)
    def tcsetattr(*given: Any) -> Any:
        drain()
        return original(*given)

    def put(old: object, new: object) -> None:
        for module in (termios, sys.modules.get("tty")):  # that one has it under the same name
            if getattr(module, "tcsetattr", None) is old:
                module.tcsetattr = new  # type: ignore[union-attr]

    put(original, tcsetattr)
    return lambda: put(tcsetattr, original)
