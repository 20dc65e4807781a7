"""The secrets that an operator keeps for tasks: where each value is, and which tasks may have it.

A task asks for them by name. Their values are read anew for each run, on this machine, and are in
no record: an operator may change them at any time.
"""

from __future__ import annotations

import os
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from elsewhere.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.records import TaskRecord

#: seconds that a command has to print a secret
_COMMAND_S: Final = 30.0


class SecretSource(BaseModel):
    """Where one secret is: in a variable `env` of the agent, a `file`, or what a `command` prints.

    `as` "file" gives the program the path of a file with it. With `always` tasks have it unasked.
    `tasks` (names and ids), `queues` and `projects` are patterns; where there are some, one must
    fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str = ""
    file: str = ""
    command: tuple[str, ...] = Field(default=(), repr=False)
    form: Literal["env", "file"] = Field(default="env", alias="as")
    always: bool = False
    tasks: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_one_place(self) -> SecretSource:
        if sum(map(bool, (self.env, self.file, self.command))) != 1:
            raise ValueError("one of env, file and command must be there")
        return self

    def fits(self, record: TaskRecord, queue: str) -> bool:
        """Whether the task of `record`, which came from a `queue`, may have it."""
        return all(
            not patterns or any(fnmatchcase(name, one) for one in patterns for name in names)
            for patterns, names in (
                (self.tasks, (record.id, record.name)),
                (self.queues, (queue,)),
                (self.projects, (record.project,)),
            )
        )

    def read(self) -> str:
        """The value, by now. Raises OSError and ValueError; neither names it."""
        if self.env:
            if not (value := os.environ.get(self.env, "")):
                raise ValueError(f"the agent has no variable {self.env}")
        elif self.file:
            value = Path(self.file).expanduser().read_text(encoding="utf-8")
        else:
            value = _printed(self.command)
        if self.form == "env":
            value = value.rstrip("\r\n")
        if not value:
            raise ValueError("it is empty")
        if self.form == "env" and "\0" in value:
            raise ValueError("no variable can have a zero byte")
        return value


def read_secrets(
    sources: Mapping[str, SecretSource], record: TaskRecord, queue: str
) -> tuple[dict[str, str], dict[str, str]]:
    """The values of what the task is given: (as variables, as files), by name. Raises
    ConfigurationError for a name that it may not have here, and a value that cannot be read."""
    asked = record.environment.secrets
    for name in asked:
        if name not in sources:
            raise ConfigurationError(
                f"The task asks for the secret {name}, and this agent has none of that name: add"
                f" [secrets.{name}] to its config.toml."
            )
        if not sources[name].fits(record, queue):
            raise ConfigurationError(
                f"The task asks for the secret {name}, and may not have it: its name, queue or"
                f" project is not among those in [secrets.{name}] of the agent's config.toml."
            )
    variables: dict[str, str] = {}
    files: dict[str, str] = {}
    for name, source in sources.items():
        if name not in asked and not (source.always and source.fits(record, queue)):
            continue
        try:
            value = source.read()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ConfigurationError(
                f"The secret {name} cannot be read: {why}. Correct [secrets.{name}] in the agent's"
                " config.toml."
            ) from None  # what a decoder could not read is in its error
        (variables if source.form == "env" else files)[name] = value
    return variables, files


def _printed(command: tuple[str, ...]) -> str:
    """What a command prints. Raises OSError, ValueError."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it may have the secret, and nobody must read it to know
            timeout=_COMMAND_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{command[0]} took longer than {_COMMAND_S:.0f} s") from None
    if done.returncode:
        raise ValueError(f"{command[0]} ended with exit code {done.returncode}")
    try:
        return done.stdout.decode()
    except UnicodeDecodeError:
        raise ValueError(f"what {command[0]} prints is not UTF-8") from None
