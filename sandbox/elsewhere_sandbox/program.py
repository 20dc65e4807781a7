"""The program of a task: the command that runs it, and whether it makes itself the task."""

from __future__ import annotations

import ast
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.secrets import HiddenWord, hidden_words
from elsewhere_sandbox.command import Command
from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.records import Source

#: makes the SDK, by a line of the run's `elsewhere.pth`, begin before the program's first line
_INIT: Final = "ELSEWHERE_INIT"
#: numbers of words, where their secrets begin in them, and the variables that have the secrets
_WORDS: Final = "ELSEWHERE_WORDS"
#: modules that start the program and are not it: the lines leave both variables to its ranks
_LAUNCHERS: Final = "ELSEWHERE_LAUNCHERS"
#: what deepspeed starts between its command and the ranks
_BETWEEN: Final = "deepspeed.launcher.launch"
_CALL: Final = re.compile(rb"\bTask\s*\.\s*init\b")


def program(
    source: Source,
    code: Path,
    python: Path,
    environment: Mapping[str, str],
    *,
    is_in_image: bool = False,
) -> Command:
    """The command of the program. Raises SetupError if the code lacks the script or module, or this
    machine the task's binary, unless that `is_in_image`."""
    working = code / source.working_dir
    if not working.is_dir() or code.resolve() not in (
        working.resolve(),
        *working.resolve().parents,
    ):
        raise SetupError(
            f"The working folder {source.working_dir!r} is not in the code of the task: correct the"
            " task's working_dir."
        )
    what: tuple[str, ...]
    runs = str(python)
    if source.module:
        what = (source.module,) if source.launcher else ("-m", source.module)
    elif source.entry_point:
        what = (source.entry_point,)
        if not (working / source.entry_point).is_file():
            raise SetupError(
                f"The script {source.entry_point!r} is not in {source.working_dir!r} of the code:"
                " correct the task's entry point."
            )
        if source.binary and not source.launcher:
            runs = source.binary if is_in_image else _found(source.binary, environment)
    else:
        raise SetupError("The task names neither a script nor a module: there is nothing to run.")
    environment = {**environment, **_hidden(source, environment), **_python_path(source, code)}
    if source.launcher:
        what = ("-m", *source.launcher, *what)
        environment = {**environment, _LAUNCHERS: f"{source.launcher[0]} {_BETWEEN}"}
    is_python = not source.binary or bool(source.launcher)
    if source.needs_init and is_python and not _calls_init(source, working):
        environment = {**environment, _INIT: "1"}
    return Command(argv=(runs, *what, *source.argv), folder=working, environment=environment)


def _python_path(source: Source, code: Path) -> dict[str, str]:
    """PYTHONPATH with the folders of the code that it had. Raises SetupError for another one."""
    folders = [(code / folder).resolve() for folder in source.python_path]
    for folder in folders:
        if not folder.is_relative_to(code.resolve()) or os.pathsep in str(folder):
            raise SetupError(
                f"The folder {str(folder)!r} of the task's PYTHONPATH is not in the code of the"
                " task: correct the task's python_path."
            )
    return {"PYTHONPATH": os.pathsep.join(map(str, folders))} if folders else {}


def _hidden(source: Source, environment: Mapping[str, str]) -> dict[str, str]:
    """The variable by which a line of the run's `elsewhere.pth` puts secrets, which do not travel,
    into the program's own list of words: other processes never see them. Raises SetupError."""
    words = hidden_words(source.argv)
    for word in words:
        if source.binary or not word.variable or word.variable not in environment:
            raise SetupError(_missing(word, source))
    lines = (f"{word.number + 1}:{len(word.prefix)}:{word.variable}" for word in words)
    return {_WORDS: " ".join(lines)} if words else {}


def _missing(word: HiddenWord, source: Source) -> str:
    what = word.option or f"argument {word.number + 1}"
    begin = f"The value of {what} is a secret, which does not travel"
    if source.binary or not word.variable:
        return f"{begin}. Have the program read it from an environment variable that the agent has."
    return (
        f"{begin}. Set the environment variable {word.variable} for the agent, and name it in"
        " agent.pass_environment."
    )


def _found(binary: str, environment: Mapping[str, str]) -> str:
    found = shutil.which(binary, path=environment["PATH"])
    if found is None:
        raise SetupError(
            f"The task is run by {binary!r}, which this machine does not have: install it, or"
            " correct the task's binary."
        )
    return found


def _calls_init(source: Source, working: Path) -> bool:
    """True if the script or module itself calls `Task.init`; its imports are not searched. An
    import that does call it gets the task that was begun."""
    path = working.joinpath(*source.module.split("."))
    files = (path.with_name(f"{path.name}.py"), path / "__main__.py")
    for file in files if source.module else (working / source.entry_point,):
        try:
            content = file.read_bytes()
        except OSError:
            continue
        if not _CALL.search(content):
            return False
        try:
            return any(map(_is_init, ast.walk(ast.parse(content))))
        except (SyntaxError, ValueError, RecursionError):  # perhaps the syntax of another Python
            return True
    return False


def _is_init(node: ast.AST) -> bool:
    """True for `Task.init(...)`, also as `elsewhere.Task.init(...)`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    owner = node.func.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return node.func.attr == "init" and name == "Task"
