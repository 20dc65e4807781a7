"""The runner's side of the set-up, as plain as it can be: runs commands to their end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from elsewhere_sandbox.command import Command
from elsewhere_sandbox.errors import CommandError, StopRequestedError


class PlainSetup:
    """Keeps what the steps did: `phases`, `lines` that they said, `commands` that they ran."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.lines: list[str] = []
        self.commands: list[Command] = []
        self.is_stopping = False

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.phases.append(name)
        yield

    def say(self, line: str) -> None:
        self.lines.append(line)

    def run(self, command: Command) -> str:
        self.check_stop()
        self.commands.append(command)
        ended = subprocess.run(
            command.argv,
            cwd=command.folder,
            env=dict(command.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise CommandError(
                command.argv, f"ended with exit code {ended.returncode}", ended.stdout
            )
        return ended.stdout

    def check_stop(self) -> None:
        if self.is_stopping:
            raise StopRequestedError("A stop was asked for.")
