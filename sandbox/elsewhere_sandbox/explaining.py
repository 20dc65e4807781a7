"""What an attempt would be: its code is laid out, and nothing is installed or run."""

from __future__ import annotations

import shlex
import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.wording import size
from elsewhere_sandbox.containers.image import choose
from elsewhere_sandbox.environment import order_for
from elsewhere_sandbox.environments import planned
from elsewhere_sandbox.errors import CommandError
from elsewhere_sandbox.installers.api import plan
from elsewhere_sandbox.prepare import check_whole, environment_of, lay_out, setup_lines
from elsewhere_sandbox.program import program

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from elsewhere.core.folders import RunFolder
    from elsewhere_sandbox.command import Command
    from elsewhere_sandbox.order import Order
    from elsewhere_sandbox.spec import RunSpec

#: how the folder of the run is written, which has a name of its own each time
_RUN: Final = "RUN"


class _Listening:
    """The `Setup` of steps that only look: their lines are kept."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def phase(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def say(self, line: str) -> None:
        self.lines.append(line)

    def run(self, command: Command) -> str:
        done = subprocess.run(
            command.argv,
            cwd=command.folder,
            env=dict(command.environment),
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
        )
        if done.returncode:
            raise CommandError(command.argv, f"ended with exit code {done.returncode}", done.stderr)
        return done.stdout

    def check_stop(self) -> None:
        """Nobody asks for a stop: Ctrl-C ends the process."""


def explain(spec: RunSpec, folder: RunFolder) -> dict[str, list[str]]:
    """Lines on each part of the attempt, by a word for it. `folder` is new, with the task's inputs;
    the code is laid out in it. The values of the spec's secrets do not count. Raises SetupError."""
    setup, record = _Listening(), spec.record
    source, is_inside = record.source, spec.policy.runtime == "docker"
    found: dict[str, list[str]] = {}
    check_whole(record)
    lay_out(spec, folder, setup)
    place = (source.repository or "no repository", source.branch, source.commit)
    found["code"] = [", ".join(filter(None, place))]
    if source.tree:
        found["code"].append(f"It was laid out here, and has the tree {source.tree}.")
    mounts = record.environment.mounts.items()
    found["data"] = [
        *(f"{path}: {spec.policy.data[name]}" for path, name in mounts),
        *(f"{one.path}: {size(one.size_bytes)}" for one in record.environment.data),
    ]
    if is_inside:
        image, arguments = choose(record, spec.queue, spec.policy.docker)
        words = (*arguments, *record.environment.image_arguments)
        found["image"] = [image, *filter(None, (shlex.join(words),))]
        found["python"] = ["That of the image, with its packages if they are all that is needed."]
    else:
        found |= _environment(spec, folder, setup)
    found["set-up"] = list(setup_lines(record, setup, is_in_image=is_inside))
    variables = environment_of(spec, folder, (), None) | spec.secret_variables
    command = program(
        source, folder.code, folder.venv / "bin/python", variables, is_in_image=is_inside
    )
    found["program"] = [shlex.join(command.argv), f"in {command.folder}"]
    shown = record.environment.variables if is_inside else command.environment
    found["variables"] = [", ".join(sorted(shown))] if shown else []
    found["secrets"] = sorted(spec.secret_variables)
    found["notes"] = setup.lines
    return {
        name: [line.replace(str(folder.path), _RUN) for line in lines]
        for name, lines in found.items()
        if lines
    }


def _environment(spec: RunSpec, folder: RunFolder, setup: _Listening) -> dict[str, list[str]]:
    order, _ = order_for(spec, folder, setup)
    name, built = planned(order)
    has = f"It is there: {size(built.size_bytes)}." if built else "It would be built."
    found = {
        "python": [f"{order.python.version} at {order.python.executable}"],
        "environment": [f"{name[:12]}, by {order.installer.name}. {has}", *order.selection.notes],
        "packages": [*(pin.line for pin in order.selection.pins), *order.selection.asked],
        "packages before": list(order.pre_packages),
        "packages after": list(order.post_packages),
    }
    if order.has_torch:
        found["environment"].append(f"The build of torch is {order.build_of_torch}.")
    if built is None:
        found["commands"] = _commands(order, order.home.environments / name)
    return found


def _commands(order: Order, environment: Path) -> list[str]:
    installer, seed = order.installer, order.home.environments / "seed"
    create = installer.create(environment, order.python.executable, seed)
    lines = order.scratch / "requirements.txt"
    install = plan(installer, lines, environment, order.variables, *order.options, "--no-deps")
    return [shlex.join(create), shlex.join(install.argv)]
