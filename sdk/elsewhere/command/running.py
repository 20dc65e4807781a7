"""`elsewhere run`: sends a program as it is typed, without a change in it."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.capture.by_hand import argv_of
from elsewhere.capture.typed import Typed, read_typed, runs_by
from elsewhere.command.enqueueing import add_queue
from elsewhere.command.logs import follow_or_name
from elsewhere.command.naming import title
from elsewhere.command.printing import say
from elsewhere.core.choices import Status
from elsewhere.core.errors import UsageError
from elsewhere.core.names import name_of, project_of
from elsewhere.core.secret_parameters import is_a_secret
from elsewhere.core.secrets import hidden_words
from elsewhere.store.queues import Queues
from elsewhere.task.sending import not_travelling

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

    from elsewhere.store.redis.store import RedisStore
    from elsewhere.task.task import Task

#: seconds in which a Python says what it is
_PYTHON_S: Final = 30.0
_PREFIX: Final = "import sys; print(sys.prefix)"
#: beginnings of variables that a run sets itself, and of those that act where a program starts
_OURS: Final = "ELSEWHERE_"
_OF_START: Final = ("PYTHON", "LD_")
#: another Python goes on with the command line; what lies in the current folder is not imported
_GO_ON: Final = (
    "import sys; sys.path[:] = [one for one in sys.path if one];"
    " from elsewhere_start import elsewhere; sys.exit(elsewhere())"
)


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="python train.py --lr 0.1; python -m package; torchrun train.py; ./train.sh",
    )
    add_queue(parser)
    parser.add_argument("--name", help="name of the task (default: that of the script)")
    parser.add_argument("--project", help="its project (default: that of the repository or folder)")
    parser.add_argument("--tag", action="append", default=[], help="a tag; may be given often")
    parser.add_argument("--draft", action="store_true", help="make the task, and do not enqueue it")
    parser.add_argument(
        "--watch", action="store_true", help="print its output until it ends; 4 when it failed"
    )
    code = parser.add_argument_group("code that is not in this folder")
    code.add_argument("--repo", metavar="URL", help="the code of this repository, as it is there")
    code.add_argument("--branch", help="at this branch (default: that of the repository)")
    code.add_argument("--commit", help="at this commit")
    code.add_argument("--dir", help="the folder to start in, from the root of the code")
    code.add_argument("--script", help="the script, in place of a command")
    code.add_argument("--args", metavar="WORDS", help="the script's arguments: '--lr 0.01'")
    where = parser.add_argument_group("where it runs")
    where.add_argument("--image", help="a container image")
    where.add_argument("--image-args", metavar="WORDS", help="the engine's arguments for it")
    where.add_argument("--requirements", metavar="FILE", help="packages (default: those here)")
    where.add_argument("--gpus", type=float, metavar="N", help="GPUs, or a share such as 0.5")
    where.add_argument("--cpus", type=int, metavar="N", help="cores")
    where.add_argument("--memory", metavar="SIZE", help="memory of all its processes: 32GB")
    where.add_argument("--disk", metavar="SIZE", help="disk of its run folder: 100GB")
    where.add_argument("--time-limit", type=float, metavar="SECONDS", help="stop it after that")
    where.add_argument("--priority", type=int, metavar="N", help="before tasks of a lower one")
    given = parser.add_argument_group("what it is given, and what stays; each may be given often")
    for option, metavar, what in (
        ("--env", "NAME=VALUE", "a variable of the program"),
        ("--secret", "NAME", "a secret that the agent has"),
        ("--data", "PATH", "a file or folder here that travels by its content"),
        ("--mount", "PATH=NAME", "a folder of the agent's machine, by the name that it has there"),
        ("--keep", "PATTERN", "files that become artifacts at the end: 'out/**'"),
    ):
        given.add_argument(option, action="append", default=[], metavar=metavar, help=what)


def run(store: RedisStore, given: Namespace) -> int:
    """Makes the task, enqueues it, and prints its id, alone, on stdout; with `--watch` its output
    is there."""
    typed = _typed(given)
    if not given.repo:
        _check_python(typed.python)
    queues = Queues(store)
    if not given.draft:
        queues.check(given.queue)
    variables = dict(_variable(one) for one in given.env)
    if typed.binary and not given.repo and not given.requirements and not _has_own_packages():
        say(
            f"What {typed.script} imports is not known, and this Python has no environment of its"
            " own: --requirements FILE names the packages."
        )
    if variables and typed.binary:
        raise UsageError(
            f"--env is for Python programs, and {typed.script} is run by {typed.binary}: export the"
            " variables in it."
        )
    task = _made(given, typed)
    try:
        _equip(task, given, variables)
        for word in hidden_words(store.read(task.id).source.argv):
            say(not_travelling(word))
        if not given.draft:
            queues.enqueue(task.id, given.queue, given.priority)
    except BaseException:  # a wrong value, or Ctrl-C: nothing is left behind half made
        if store.state(task.id).status is Status.CREATED:
            store.delete(task.id)
        raise
    if not given.draft:
        return follow_or_name(store, task.id, given.queue, is_followed=given.watch)
    say(f"Task {title(store, task.id)} is a draft: 'elsewhere enqueue' puts it into a queue.")
    print(task.id)
    return 0


def _typed(given: Namespace) -> Typed:
    """What is to run, and how that was typed. Raises UsageError."""
    words = given.words[1:] if given.words[:1] == ["--"] else given.words
    if given.script and words:
        raise UsageError(
            "--script and a command both name what runs: give --script with --args, or"
            f" the command alone, not {' '.join(words)!r:.100}, too."
        )
    if given.script:
        return Typed(script=given.script, argv=argv_of(given.args or ""))
    if not words:
        raise UsageError(
            "There is nothing to run: write the command behind the options, such as"
            " 'elsewhere run --queue default python train.py --lr 0.1'."
        )
    if given.args is not None:
        raise UsageError("--args are those of a --script: write them behind the command.")
    return read_typed(words, None if given.repo else Path.cwd() / (given.dir or ""))


def _made(given: Namespace, typed: Typed) -> Task:
    from elsewhere.task.task import Task  # noqa: PLC0415 - weight

    is_local = not given.repo
    packages: Any = True if is_local and not given.requirements else None
    task: Task = Task.create(
        project_name=given.project or project_of(given.repo or _repository(given.dir)),
        task_name=given.name or name_of(typed.program),
        repo=given.repo,
        branch=given.branch,
        commit=given.commit,
        script=typed.script or None,
        module=typed.module or None,
        working_directory=given.dir,
        packages=packages,
        requirements_file=given.requirements,
        docker=given.image,
        docker_args=given.image_args,
        binary=typed.binary or (typed.python if given.repo else None) or None,
        argv=typed.argv,
        secrets=given.secret,
        keep=given.keep,
        mounts=dict(_pair("--mount", one) for one in given.mount),
        data=given.data,
    )
    return task


def _has_own_packages() -> bool:
    return sys.prefix != sys.base_prefix or Path(sys.prefix, "conda-meta").is_dir()


def _equip(task: Task, given: Namespace, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        task.set_parameter(f"Environment/{name}", value)
    needs = {"gpus": given.gpus, "cpus": given.cpus, "memory": given.memory, "disk": given.disk}
    task.set_resources(**needs)
    if given.time_limit is not None:
        task.set_time_limit(given.time_limit)
    if given.tag:
        task.add_tags(given.tag)


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"{option} {text!r:.100} cannot be read: write {option} NAME=VALUE.")
    return name, value


def _variable(text: str) -> tuple[str, str]:
    """A variable of the program. Raises UsageError for one that it would not have."""
    name, value = _pair("--env", text)
    if name.startswith(_OURS):
        raise UsageError(f"--env {name} is Elsewhere's own: a run has another value.")
    if name.startswith(_OF_START):
        raise UsageError(
            f"--env {name} acts where Python starts, and is set after that: have a script set it"
            " and start the program, and send that: elsewhere run ./train.sh"
        )
    if is_a_secret(f"Environment/{name}", value):
        raise UsageError(
            f"The value of {name} is a secret, and everybody who sees a task sees its parameters:"
            f" --secret {name} has the agent give its own."
        )
    return name, value


def _repository(folder: str | None) -> str:
    """The URL or the path of the repository around the `folder`, which is that without one."""
    from elsewhere.capture.worktree import Worktree  # noqa: PLC0415 - weight

    path = Path(folder or ".").resolve()
    found = Worktree.find(path)
    return f"{path}" if found is None else found.remote.url or f"{found.root}"


def _check_python(word: str) -> None:
    """Goes on in the Python that was typed, where that is another one than this: its packages are
    those that travel. Raises UsageError if it cannot."""
    if not word:
        return
    found = shutil.which(word)
    if found is None:
        raise UsageError(
            f"There is no {word!r:.100} here to start: activate the environment that has it."
        )
    python = found
    if not Path(found).name.startswith("python"):  # a launcher is a script of its Python
        python = runs_by(Path(found))
        if not Path(python).name.startswith("python"):
            return
        python = shutil.which(python) or python
    if Path(python).parent.resolve() == Path(sys.executable).parent.resolve():
        return
    prefix = _told(python, _PREFIX)
    if prefix is None:
        raise UsageError(f"{python} does not start: 'python --version' shows why.")
    if Path(prefix).resolve() == Path(sys.prefix).resolve():
        return
    if _told(python, "import elsewhere_start") is None:
        raise UsageError(
            f"{found} is of the environment {prefix}, whose packages are to travel, and Elsewhere"
            f" is not installed there: {python} -m pip install elsewhere"
        )
    os.execv(python, [python, "-c", _GO_ON, *sys.argv[1:]])  # noqa: S606 - no shell is meant


def _told(python: str, code: str) -> str | None:
    """What `code` prints, run by that Python; None where it fails."""
    command = [python, "-c", code]
    try:
        ended = subprocess.run(
            command, cwd="/", capture_output=True, text=True, timeout=_PYTHON_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.stdout.strip()
