"""A second runtime: the host's, which keeps the calls of its runner in a file of the run folder.

`python -m tests.sandbox.recorded ... FOLDER` is a runner that knows it.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import replace

from elsewhere.core.events import Machine
from elsewhere.core.folders import RunFolder
from elsewhere_sandbox.__main__ import main
from elsewhere_sandbox.command import Command
from elsewhere_sandbox.runtimes import RUNTIMES
from elsewhere_sandbox.runtimes.api import Exit, Process
from elsewhere_sandbox.runtimes.host import HostRuntime
from elsewhere_sandbox.scope import Scope
from elsewhere_sandbox.setup import Setup
from elsewhere_sandbox.spec import RunSpec

NAME = "recorded"


class Recorded:
    """See `api.Runtime`."""

    def __init__(self, folder: RunFolder, spec: RunSpec) -> None:
        self._host = HostRuntime(folder, spec)
        self._file = folder.path / "calls"

    def _record(self, call: str) -> None:
        with self._file.open("a") as file:
            file.write(f"{call}\n")

    def enter(self, setup: Setup) -> None: ...

    def confine(self, memory_bytes: int) -> Scope:
        """What says that it is a control group; the program may write into it."""
        self._record(f"confine {memory_bytes}")
        return Scope(self._file.parent)

    def start(self, command: Command) -> Process:
        self._record("start")
        return RecordedProcess(self._host.start(command), self._record)

    def signal(self, number: int) -> None:
        self._record(f"signal {number}")
        self._host.signal(number)

    def end(self, grace_s: float) -> None:
        self._record(f"end {grace_s}")
        self._host.end(grace_s)

    @staticmethod
    def end_left(folder: RunFolder) -> None:
        HostRuntime.end_left(folder)


class RecordedProcess:
    """See `api.Process`. To it, every SIGKILL comes from a lack of memory."""

    def __init__(self, process: Process, record: Callable[[str], None]) -> None:
        self._process = process
        self._record = record
        self.output = process.output
        self.identity = process.identity

    def poll(self) -> Exit | None:
        ended = self._process.poll()
        return ended and replace(ended, is_out_of_memory=ended.signal == signal.SIGKILL)

    def usage(self) -> dict[str, float]:
        self._record("usage")
        return self._process.usage()

    def machine(self) -> Machine:
        return self._process.machine()


def calls_of(folder: RunFolder) -> list[str]:
    """What the runner of `folder` has called, in that order."""
    return (folder.path / "calls").read_text().splitlines()


RUNTIMES[NAME] = Recorded

if __name__ == "__main__":
    sys.exit(main(sys.argv[-1:]))
