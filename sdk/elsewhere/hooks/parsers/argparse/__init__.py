"""argparse: every argument that a parser returns is a parameter, and a remote run's parameters
replace what its parsers return.

Arguments that the parameters give are not missing on the command line, and another sub-command is
parsed in place of the one there. A value that the argument does not take ends the process with
status 2, as argparse does.
"""

from __future__ import annotations

from typing import Final

from elsewhere.hooks.parsers.parsed import Parsed, patch_of

#: one for the whole process, not for a task: parsers are patched before any task
_parsed: Final = Parsed("argparse", patch_of(f"{__name__}.parsing"))

attach: Final = _parsed.attach
watch: Final = _parsed.watch
