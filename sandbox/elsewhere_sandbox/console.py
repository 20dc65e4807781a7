"""The set-up of a command that a person follows: no attempt of a task, and no stop but Ctrl-C."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from elsewhere_sandbox.errors import CommandError
from elsewhere_sandbox.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from elsewhere_sandbox.command import Command
    from elsewhere_sandbox.runtimes.api import Runtime

#: characters of a command's output that an error has
_TAIL: Final = 1 << 16
#: seconds between two looks at a command whose output has ended
_LOOK_S: Final = 0.02


class Console:
    """A `Setup` whose commands run in `runtime`. What the steps say and the commands print goes to
    `show`, a line at a time, without the `secrets`."""

    def __init__(
        self, runtime: Runtime, show: Callable[[str], None], secrets: Iterable[str]
    ) -> None:
        self._runtime = runtime
        self._show = show
        self._secrets = tuple(secrets)

    def phase(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def say(self, line: str) -> None:
        self._show(f"{line}\n")

    def run(self, command: Command) -> str:
        redactor, tail = Redactor(self._secrets), ""
        process = self._runtime.start(command)
        with os.fdopen(process.output, "rb") as output:
            for line in output:
                shown = redactor.feed(line).decode(errors="replace")
                self._show(shown)
                tail = (tail + shown)[-_TAIL:]
        rest = redactor.flush().decode(errors="replace")
        self._show(rest)
        while (ended := process.poll()) is None:
            time.sleep(_LOOK_S)
        if ended.code != 0:
            raise CommandError(command.argv, str(ended), tail + rest)
        return tail + rest

    def check_stop(self) -> None:
        """Nobody asks for a stop: Ctrl-C ends the process."""
