"""The command line by which a person starts a program, read as what a draft runs.

python train.py --lr 0.1         a script, run by a Python
python -m package.train          a module
torchrun --nproc 2 train.py      a launcher, which is a module with its words
./train.sh data                  a script, run by a shell
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from elsewhere.capture.by_hand import argv_of
from elsewhere.capture.launcher import SHELLS, read_launcher, split_program
from elsewhere.core.errors import UsageError
from elsewhere.core.frozen import dataclass

_PYTHON: Final = re.compile(r"python[\d.]*")
#: options of Python that change nothing of what a run does
_HARMLESS: Final = re.compile(r"-[uBq]+")
#: commands that start another one in an environment of their own: with their first words
_ENVIRONMENTS: Final = {
    "uv": ("run",),
    "poetry": ("run",),
    "pdm": ("run",),
    "pipenv": ("run",),
    "hatch": ("run",),
    "pixi": ("run",),
    "conda": ("run", "-n", "NAME"),
    "mamba": ("run", "-n", "NAME"),
    "micromamba": ("run", "-n", "NAME"),
}
_SHEBANG: Final = re.compile(rb"#!\s*(?:\S*/env\s+(?:-S\s+)?)?(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed, by the names of `Task.create`: a `script`, or a `module` with the words of a
    launcher; the `binary` that runs the script, empty for a Python; `argv`, without secrets.

    `python` is the command whose packages are those of the program: a Python, or a launcher beside
    one. Empty where none was named.
    """

    script: str = ""
    module: str = ""
    binary: str = ""
    argv: tuple[str, ...] = ()
    python: str = ""

    @property
    def program(self) -> str:
        """The script or the module alone, of a launcher that which it starts."""
        words = shlex.split(self.module)
        launched = read_launcher(words)
        return split_program(launched)[1][0] if launched else self.script or words[0]


def read_typed(words: Sequence[str], folder: Path | None = None) -> Typed:
    """Reads a command line. `folder` is where it was typed, None if its files are elsewhere. Raises
    UsageError for one that a task cannot repeat, with what to type in its place."""
    first, *rest = words
    name = Path(first).name
    if _PYTHON.fullmatch(name):
        return _of_python(first, rest)
    if read := read_launcher([name, *words[1:]]):
        split_program(read)
        return Typed(module=shlex.join(read), python=first)
    if name in SHELLS:
        script, *argv = rest or [""]
        if not script or script.startswith("-"):
            raise UsageError(
                f"{shlex.join(words)!r:.200} names no script: write its lines into a file, such as"
                f" train.sh, and send '{name} train.sh'."
            )
        return Typed(script=script, binary=first, argv=argv_of(argv))
    if name in _ENVIRONMENTS:
        before = shlex.join((name, *_ENVIRONMENTS[name]))
        raise UsageError(
            f"{name!r} runs the program in another environment than this command, and what travels"
            f" are the packages of this one. Write it first: {before} elsewhere run python train.py"
        )
    if "=" in name and first.partition("=")[0].isidentifier():
        raise UsageError(f"A variable is given by an option: --env {shlex.quote(first)}")
    return _of_file(first, rest, folder)


def _of_python(python: str, words: Sequence[str]) -> Typed:
    rest = list(words)
    while rest and _HARMLESS.fullmatch(rest[0]):
        del rest[0]
    first = rest[0] if rest else ""
    if first == "-m" and len(rest) > 1:
        return Typed(module=shlex.join(rest[1:]), python=python)
    if first in ("", "-", "-c", "-m"):
        raise UsageError(
            f"{shlex.join((python, *words))!r:.200} names no file to run: write the code into a"
            f" file, and send '{python} train.py'."
        )
    if first.startswith("-"):
        raise UsageError(
            f"The option {first} of Python is not repeated elsewhere: leave it out, or have the"
            " script start Python with it."
        )
    return Typed(script=first, argv=argv_of(rest[1:]), python=python)


def _of_file(first: str, argv: Sequence[str], folder: Path | None) -> Typed:
    """A file that is typed alone, and what runs it: Python, a shell, or what its first line has."""
    words = argv_of(argv)
    if first.endswith(".ipynb"):
        raise UsageError(
            f"A notebook is sent from its own cells: in {first}, call Task.init, then"
            " task.execute_remotely(queue)."
        )
    if first.endswith((".py", ".pyw")):
        return Typed(script=first, argv=words)
    if first.endswith(".sh") and (folder is None or not runs_by(folder / first)):
        return Typed(script=first, binary="/bin/bash", argv=words)
    path = folder / first if folder is not None else None
    if path is None or not path.is_file() or "/" not in first:
        raise UsageError(
            f"{first!r:.200} is no script of the code: a task runs a file of it, or a module by"
            " 'python -m'. Write the command line of another program into a file, such as"
            " train.sh, and send that: elsewhere run ./train.sh"
        )
    runs = runs_by(path)
    if not runs:
        raise UsageError(
            f"Nothing is known that runs {first!r:.200}: it has no first line such as"
            " '#!/bin/bash'. A compiled program is started by a script: elsewhere run ./train.sh"
        )
    if _PYTHON.fullmatch(Path(runs).name):
        return Typed(script=first, argv=words)
    return Typed(script=first, binary=runs, argv=words)


def runs_by(path: Path) -> str:
    """The program in the first line of a script, empty without one."""
    try:
        with path.open("rb") as file:
            found = _SHEBANG.match(file.readline(200))
    except OSError:
        return ""
    return found[1].decode(errors="replace") if found else ""
