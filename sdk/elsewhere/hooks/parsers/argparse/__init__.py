"""argparse: every argument that a parser returns is a parameter, and a remote run's parameters
replace what its parsers return.

Arguments that the parameters give are not missing on the command line, and another sub-command is
parsed in place of the one there. A value that the argument does not take ends the process with
status 2, as argparse does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from elsewhere.hooks.parsers.parsed import Parsed, Watcher

__all__ = ["attach", "watch"]


def _patch(watcher: Watcher) -> Callable[[], None]:
    from elsewhere.hooks.parsers.argparse import parsing  # noqa: PLC0415 - weight: it imports argparse

    return parsing.patch(watcher)


#: one for the whole process, not for a task: parsers are patched before any task
_parsed: Final = Parsed("argparse", _patch)

attach: Final = _parsed.attach
watch: Final = _parsed.watch
