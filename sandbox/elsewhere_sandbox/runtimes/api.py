"""Where programs run. `Command` is what to run, `Process` it running, `Exit` how it ended."""

from __future__ import annotations

import signal as signals
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from elsewhere.core.process import ProcessIdentity

__all__ = ["Command", "Exit", "Process", "Runtime", "signal_name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An argument list, a folder and the *whole* environment: nothing is inherited."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended: an exit code, or the signal that ended it."""

    code: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        if self.signal is not None:
            return f"was ended by {signal_name(self.signal)}"
        return f"ended with exit code {self.code}"


def signal_name(number: int) -> str:
    """`SIGKILL`; real-time signals have no name."""
    return next((one.name for one in signals.Signals if one == number), f"signal {number}")


class Process(Protocol):
    """A program that runs in a session of its own."""

    @property
    def output(self) -> int:
        """The reading end of the one pipe that standard output and error share."""

    @property
    def identity(self) -> ProcessIdentity:
        """Who it is, so that someone who comes later can find it."""

    def poll(self) -> Exit | None:
        """None while it runs. Never blocks."""

    def signal(self, number: int) -> None:
        """Sends a signal to every process of its tree; nothing happens when there is none left."""


class Runtime(Protocol):
    """A place where commands run: this host, a container."""

    def start(self, command: Command) -> Process:
        """Raises OSError when the program cannot be started."""
