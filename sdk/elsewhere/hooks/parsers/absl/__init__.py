"""absl flags: every flag that a program defines is a parameter `TF_DEFINE/<flag>`, and a remote
run's parameters are the flags' values.

The flags that absl defines for itself, such as `--verbosity`, are not recorded. A value that a
flag's parser or a validator does not take ends the process with status 2.
"""

from __future__ import annotations

from typing import Final

from elsewhere.hooks.parsers.parsed import Parsed, patch_of

#: one for the whole process, not for a task: flags are patched before any task
_parsed: Final = Parsed("absl.flags", patch_of(f"{__name__}.flags"))

attach: Final = _parsed.attach
watch: Final = _parsed.watch
