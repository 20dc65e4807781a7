"""The run's own layer: a virtual environment of a few links over a shared one, quickly made.

    <run>/venv/
    ├── pyvenv.cfg                      names the interpreter
    ├── bin/python, python3, pythonX.Y  links to it, and to the commands of the shared environment
    ├── share/, etc/, ...               folders of links to what packages have there
    └── lib/pythonX.Y/site-packages/
        ├── elsewhere.pth               1. the shared environment  2. the lent packages
        │                               3. the start of a task whose program does not begin it
        └── ...                         what the run installs by itself

The order is a promise: the run's own packages, then the shared ones, then those that are lent.
The lent ones are the agent's copies of what a child needs to report: a package that the task pins
wins, and pip sees none of them, since they come without metadata.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.folders import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elsewhere.core.folders import Home
    from elsewhere_sandbox.python import Python

#: the SDK and what it imports in a run
_LENT: Final = ("elsewhere", "fsspec", "redis", "rq")
#: what Pythons older than a version need beside, lent where the agent has it
_LENT_BEFORE: Final = {"async_timeout": (3, 11, 3), "tomli": (3, 11), "typing_extensions": (3, 11)}
#: folders that each environment has
_OF_ENVIRONMENT: Final = {"bin", "lib", "lib64", "include"}
#: `program.py` sets the variables of both, for the one process that is the program, or for each of
#: the ranks that its launcher starts, which is not one of them
_IS_PROGRAM: Final = (
    "set(os.environ.get('ELSEWHERE_LAUNCHERS', '').split()).isdisjoint(sys.orig_argv)"
)
_WORDS: Final = (
    f"import os, sys; {_IS_PROGRAM} and [sys.argv.__setitem__(int(n), sys.argv[int(n)][:int(p)] +"
    " os.environ[v])"
    " for n, p, v in (w.split(':') for w in os.environ.pop('ELSEWHERE_WORDS', '').split())]"
)
_INIT: Final = (
    f"import os, sys; 'ELSEWHERE_INIT' in os.environ and {_IS_PROGRAM}"
    " and __import__('elsewhere.task.implicit').task.implicit.begin()"
)


def lay(
    venv: Path, python: Python, shared: Path | None, folders: Iterable[str], lent: Path
) -> None:
    """Makes the run's virtual environment in `venv`, which must not exist: over `shared`, if there
    is one, and the packages in these `folders`."""
    packages = venv / python.site_packages
    packages.mkdir(parents=True)
    (venv / "bin").mkdir()
    for name in ("python", "python3", f"python{python.minor}"):
        (venv / "bin" / name).symlink_to(python.executable)
    (venv / "pyvenv.cfg").write_text(
        f"home = {python.executable.parent}\n"
        "include-system-site-packages = false\n"
        f"version = {python.version}\n",
        encoding="utf-8",
    )
    if shared is not None:
        _link(shared / "bin", venv / "bin")
        for path in shared.iterdir():
            if path.is_dir() and path.name not in _OF_ENVIRONMENT:
                _link(path, venv / path.name)
        folders = (str(shared / python.site_packages), *folders)
    packages_of_all = [f"import site; site.addsitedir({folder!r})" for folder in folders]
    lines = (*packages_of_all, lent, _WORDS, _INIT)
    (packages / "elsewhere.pth").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _link(source: Path, target: Path) -> None:
    """Makes folders as in `source` with links to its files: what a run adds is its own."""
    for parent, _, names in os.walk(source):
        folder = target / os.path.relpath(parent, source)
        folder.mkdir(exist_ok=True)
        for name in names:
            with suppress(FileExistsError):
                (folder / name).symlink_to(Path(parent, name))


def lend(home: Home, version: str) -> Path:
    """Makes a folder of links to the packages that are lent to a Python of this `version`, once for
    each place that they come from."""
    numbers = tuple(map(int, re.findall(r"\d+", version)[:3]))
    names = [*_LENT, *(name for name, new in _LENT_BEFORE.items() if numbers < new)]
    targets = sorted(str(path) for name in names for path in _sources(name))
    digest = hashlib.sha256(json.dumps(targets).encode()).hexdigest()[:32]
    folder = home.lent / digest
    if folder.is_dir():
        return folder
    beside = home.lent / f".{digest}.{secrets.token_hex(4)}"
    make_folder(beside)
    try:
        for target in map(Path, targets):
            (beside / target.name).symlink_to(target)
        beside.rename(folder)
    except OSError:
        shutil.rmtree(beside)
        if not folder.is_dir():  # another process may have put it there meanwhile
            raise
    return folder


def _sources(name: str) -> list[Path]:
    """Finds the folder of a package, or the file of a module, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        return []
    if spec.submodule_search_locations:
        return [Path(next(iter(spec.submodule_search_locations))).resolve()]
    return [Path(spec.origin).resolve()] if spec.origin else []
