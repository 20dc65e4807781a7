"""A runtime runs a `Command`: the running one is a `Process`, and its end an `Exit`."""

from __future__ import annotations

import signal as signals
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from elsewhere.core.events import Machine
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.process import ProcessIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An argument list, a folder and the *whole* environment: nothing is inherited."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended: an exit code, or the signal that ended it.

    `is_out_of_memory`: the signal came from a system that was short of memory.
    """

    code: int | None = None
    signal: int | None = None
    is_out_of_memory: bool = False

    def __str__(self) -> str:
        if self.signal is not None:
            return f"was ended by {signal_name(self.signal)}"
        return f"ended with exit code {self.code}"


def signal_name(number: int) -> str:
    """The name of a signal, as `SIGKILL`; a real-time signal does not have one."""
    return next((one.name for one in signals.Signals if one == number), f"signal {number}")


class Process(Protocol):
    """A command that runs in a session of its own."""

    @property
    def output(self) -> int:
        """The reading end of the one pipe that standard output and error share."""

    @property
    def identity(self) -> ProcessIdentity:
        """The identity of the process, by which another process can find it later."""

    def poll(self) -> Exit | None:
        """The exit; None while the process runs. Never blocks."""

    def usage(self) -> dict[str, float]:
        """The use of all that the attempt runs, and of its machine, now: see `HostUse.usage`."""

    def machine(self) -> Machine:
        """The machine that it runs on, as far as it is known by now."""


class Runtime(Protocol):
    """A place where the commands of one attempt run: this host, a container.

    What a command starts belongs to it, in whatever session and however often it was forked.
    """

    def __init__(self, folder: RunFolder) -> None:
        """Makes the runner of `folder` responsible for all that it starts."""

    def start(self, command: Command) -> Process:
        """Runs `command`. Raises OSError when it cannot be started."""

    def signal(self, number: int) -> None:
        """Sends the signal `number` to all processes of the attempt; there may be none."""

    def end(self, grace_s: float) -> None:
        """Ends all processes of the attempt by SIGTERM, and after `grace_s` seconds by SIGKILL.

        Returns when none is left.
        """

    @staticmethod
    def end_left(folder: RunFolder) -> None:
        """Kills what is left of the attempt in `folder`: for the agent, if the runner is gone."""
