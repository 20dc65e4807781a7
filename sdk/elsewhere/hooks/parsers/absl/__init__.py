"""absl flags: every flag that a program defines is a parameter `TF_DEFINE/<flag>`, and a remote
run's parameters are the flags' values.

The flags that absl defines for itself, such as `--verbosity`, are not recorded. A value that a
flag's parser or a validator does not take ends the process with status 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from elsewhere.hooks.parsers.parsed import Parsed, Watcher

__all__ = ["attach", "watch"]


def _patch(watcher: Watcher) -> Callable[[], None]:
    from elsewhere.hooks.parsers.absl import flags  # noqa: PLC0415 - weight: it imports absl

    return flags.patch(watcher)


#: one for the whole process, not for a task: flags are patched before any task
_parsed: Final = Parsed("absl.flags", _patch)

attach: Final = _parsed.attach
watch: Final = _parsed.watch
