"""The run's own layer: a virtual environment of a few links over a shared one, quickly made.

    <run>/venv/
    ├── pyvenv.cfg                      names the interpreter
    ├── bin/python, python3, pythonX.Y  links to it
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
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.folders import make_folder

if TYPE_CHECKING:
    from elsewhere.core.folders import Home
    from elsewhere_sandbox.python import Python

#: The SDK and what it imports in a run. The last three are only needed by Pythons older than the
#: agent's, and lent where the agent has them.
_LENT: Final = (
    "elsewhere",
    "fsspec",
    "redis",
    "rq",
    "async_timeout",
    "tomli",
    "typing_extensions",
)
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


def lay(venv: Path, python: Python, shared: Path, lent: Path) -> None:
    """Makes the run's virtual environment in `venv`, which must not exist."""
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
    packages_of_all = f"import site; site.addsitedir({str(shared / python.site_packages)!r})"
    lines = (packages_of_all, lent, _WORDS, _INIT)
    (packages / "elsewhere.pth").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def lend(home: Home) -> Path:
    """Makes a folder of links to the lent packages, once for each place that they come from."""
    targets = sorted(str(path) for name in _LENT for path in _sources(name))
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
