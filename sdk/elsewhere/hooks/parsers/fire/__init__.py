"""Python Fire: the commands that it runs and their arguments are parameters, and a remote run's
parameters replace them.

    Args/<arg>                       of a function or class that is the whole program
    Args/<group.command>             True for the command that runs, False for its neighbours
    Args/<group.command>/<arg>

Arguments that the parameters give are not missing on the command line, and the command that is True
runs in place of the one there, unless the command line has separators. A value of another type than
the argument's default ends the process with status 2.
"""

from __future__ import annotations

from typing import Final

from elsewhere.hooks.parsers.parsed import Parsed, patch_of

#: one for the whole process, not for a task: Fire is patched before any task
_parsed: Final = Parsed("fire", patch_of(f"{__name__}.components"))

attach: Final = _parsed.attach
watch: Final = _parsed.watch
