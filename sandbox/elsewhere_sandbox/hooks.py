"""Hooks: executables of the operator that run around the phases of an attempt."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from elsewhere_sandbox.command import Command
from elsewhere_sandbox.errors import CommandError, SetupError, StopRequestedError

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder
    from elsewhere_sandbox.setup import Setup
    from elsewhere_sandbox.spec import RunSpec

#: the phases that may have hooks
PHASES: Final = ("checkout", "install", "run")
#: what hooks are called
HOOKS: Final = tuple(f"{when}_{phase}" for phase in PHASES for when in ("before", "after"))
#: seconds that one may take
_LIMIT_S: Final = 600
#: the exit code of `timeout` when the limit is over
_TIMED_OUT: Final = 124


class Hooks:
    """The hooks of one attempt: each runs once, with the agent's environment, in the run's folder;
    what it prints is in the task's output. After a stop none runs."""

    def __init__(self, spec: RunSpec, folder: RunFolder, setup: Setup) -> None:
        self._left = dict(spec.policy.hooks)
        self._folder = folder
        self._setup = setup

    def before(self, phase: str) -> None:
        """Raises SetupError, which names the hook, if it fails."""
        name = f"before_{phase}"
        try:
            self._run(name, phase)
        except CommandError as error:
            raise SetupError(_sentence(name, error)) from error

    def after(self, phase: str) -> None:
        """A failure is a line in the output and changes nothing else."""
        name = f"after_{phase}"
        try:
            self._run(name, phase)
        except CommandError as error:
            self._setup.say(_sentence(name, error))
        except StopRequestedError:
            self._setup.say(f"The hook {name} is left out: a stop was requested.")

    def _run(self, name: str, phase: str) -> None:
        path = self._left.pop(name, "")
        if not path:
            return
        self._setup.say(f"hook {name}: {path}")
        ours = {
            "ELSEWHERE_HOOK": name,
            "ELSEWHERE_PHASE": phase,
            "ELSEWHERE_TASK_ID": self._folder.task_id,
            "ELSEWHERE_RUN_FOLDER": str(self._folder.path),
            "ELSEWHERE_CODE_FOLDER": str(self._folder.code),
        }
        self._setup.run(
            Command(
                argv=("timeout", "--kill-after=5", str(_LIMIT_S), path),
                folder=self._folder.path,
                environment={**os.environ, **ours},
                on_host=True,
            )
        )


def _sentence(name: str, error: CommandError) -> str:
    ended = error.ended
    if ended.endswith(f" {_TIMED_OUT}"):
        ended = f"did not end within {_LIMIT_S} s"
    return f"The hook {name}, {error.argv[-1]}, {ended}. {error.tail[-500:]}".rstrip()
