"""What every step of the set-up gets from the runner: phases, output, and a way to run commands.

A step raises SetupError with a whole sentence; the runner adds the phase that it happened in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from elsewhere_sandbox.command import Command


class Setup(Protocol):
    """The runner, as the steps of the set-up see it."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Names and times what happens inside: `checkout`, `verify`, `patch`, `python`, ..."""

    def say(self, line: str) -> None:
        """Writes a line into the task's output and nowhere else."""

    def run(self, command: Command) -> str:
        """Runs a command to its end, streams its output into the task's, returns the last 64 KiB.

        Raises CommandError for a non-zero status, StopRequestedError if a stop was requested.
        """

    def check_stop(self) -> None:
        """Raises StopRequestedError if a stop was requested: for steps that run no command."""
