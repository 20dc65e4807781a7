"""jsonargparse, and so LightningCLI: every leaf of a parsed namespace is a parameter `Args/a.b`,
and a remote run's parameters replace the leaves, checked by the parser.

Arguments that the parameters give are not missing on the command line, and another sub-command or
class is taken in place of the one there. A value that the parser does not take ends the process
with status 2. A config file is recorded by its path; its values are leaves as well, so another
path in its place changes nothing.
"""

from __future__ import annotations

from typing import Final

from elsewhere.hooks.parsers.parsed import Parsed, patch_of

#: one for the whole process, not for a task: parsers are patched before any task
_parsed: Final = Parsed("jsonargparse", patch_of(f"{__name__}.parsing"))

attach: Final = _parsed.attach
watch: Final = _parsed.watch
