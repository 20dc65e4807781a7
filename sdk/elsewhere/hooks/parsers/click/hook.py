"""click: every option and argument of a command is a parameter, and a remote run's parameters are
every command's values.

    Args/<option>                    of the only command, or of the group that holds the others
    Args/<command>                   True for a sub-command that runs, False for its neighbours
    Args/<command>/<option>          nested groups: Args/<group>/<command>/<option>

With overrides, a parameter is as if it had been typed: it is not missing, no prompt asks for it,
its type and its callback see it. The sub-commands that are True run in place of those on the
command line. A value that is not taken ends the process with status 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from elsewhere.hooks.parsers.parsed import Parsed, Watcher

__all__ = ["attach", "watch"]


def _patch(watcher: Watcher) -> Callable[[], None]:
    from elsewhere.hooks.parsers.click import commands  # noqa: PLC0415 - weight: it imports click

    return commands.patch(watcher)


#: The process's, not the task's: commands are patched for the whole process, and before any task.
_parsed: Final = Parsed("click", _patch)

attach: Final = _parsed.attach
watch: Final = _parsed.watch
