"""A runtime runs a `Command`: the running one is a `Process`, and its end an `Exit`."""

from __future__ import annotations

import signal as signals
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from elsewhere.core.events import Machine
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.process import ProcessIdentity
    from elsewhere_sandbox.command import Command
    from elsewhere_sandbox.containers.image import Image
    from elsewhere_sandbox.scope import Scope
    from elsewhere_sandbox.setup import Setup
    from elsewhere_sandbox.spec import RunSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended: an exit code, or the signal that ended it.

    `is_out_of_memory`: the signal came from a system that was short of memory. `cause` is a
    sentence on what ended it from outside, where that is known.
    """

    code: int | None = None
    signal: int | None = None
    is_out_of_memory: bool = False
    cause: str = ""

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

    What a command starts belongs to it, in whatever session and however often it was forked. In a
    container it ends with the command.
    """

    def __init__(self, folder: RunFolder, spec: RunSpec) -> None:
        """Makes the runner of `folder` responsible for all that it starts. `spec` is the run's."""

    def enter(self, setup: Setup) -> Image | None:
        """Makes the place ready, before the first command. Returns the image whose containers it
        is, None for this machine. Raises SetupError."""

    def confine(self, memory_bytes: int) -> Scope | None:
        """Lets the kernel limit the memory of all that is started from now on, together. None where
        it cannot, or where the place has its own limits."""

    def start(self, command: Command) -> Process:
        """Runs `command`. Raises OSError when it cannot be started; what a container's own system
        cannot start may also end with exit code 126 or 127, as a shell has it."""

    def signal(self, number: int) -> None:
        """Sends the signal `number` to all processes of the attempt; there may be none."""

    def end(self, grace_s: float) -> None:
        """Ends all processes of the attempt by SIGTERM, and after `grace_s` seconds by SIGKILL.

        Returns when none is left.
        """

    @staticmethod
    def end_left(folder: RunFolder) -> None:
        """Kills what is left of the attempt in `folder`: for the agent, if the runner is gone."""
