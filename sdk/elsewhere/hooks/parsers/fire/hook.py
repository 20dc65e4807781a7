"""Python Fire: what it calls, and with what, are parameters; a remote run's parameters are what it
calls with.

    Args/<arg>                       of a function or class that is the whole program
    Args/<group.command>             True for the command that runs, False for its neighbours
    Args/<group.command>/<arg>

With overrides, arguments that they give are not missing, and the command that is True runs in place
of the one on the command line. A value that does not suit the argument's default ends the process
with status 2. Where the command line has separators, its commands stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from elsewhere.hooks.parsers.parsed import Parsed, Watcher

__all__ = ["attach", "watch"]


def _patch(watcher: Watcher) -> Callable[[], None]:
    from elsewhere.hooks.parsers.fire import components  # noqa: PLC0415 - weight: it imports Fire

    return components.patch(watcher)


#: The process's, not the task's: Fire is patched for the whole process, and before any task.
_parsed: Final = Parsed("fire", _patch)

attach: Final = _parsed.attach
watch: Final = _parsed.watch
