"""How preparing and running one attempt can go wrong.

SandboxError
├── CommandError         a command of the set-up ended with another status than 0
├── SetupError           a phase of the set-up failed: the task's outcome has its message
└── StopRequestedError   a stop was requested while the set-up was going on
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SandboxError(Exception):
    """The root of the sandbox's errors."""


class CommandError(SandboxError):
    """A command failed. `tail` holds the last lines of what it printed."""

    def __init__(self, argv: Sequence[str], ended: str, tail: str) -> None:
        super().__init__(f"{argv[0]} {ended}.\n{tail}".rstrip())
        self.argv = tuple(argv)
        self.ended = ended
        self.tail = tail


class SetupError(SandboxError):
    """The set-up cannot go on; the message has what failed, on what, why and what to do."""


class StopRequestedError(SandboxError):
    """A stop was requested before the program started."""
