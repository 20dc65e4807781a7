"""Environments: immutable, one per digest, shared by all runs that ask for the same.

<home>/environments/
├── pythons.json          the interpreters found so far
├── seed/                 virtualenv's own cache: pip, unpacked once
├── <digest>.lock         held by the one who builds
└── <digest>/             a virtual environment
    └── complete.json     written last: without it the folder is removed and built again;
                          its time of change is the time of last use
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.folders import make_folder, read_json, write_beside
from elsewhere.core.secrets import hide_passwords
from elsewhere_sandbox.errors import CommandError, SetupError
from elsewhere_sandbox.installers import INSTALLERS
from elsewhere_sandbox.installers.api import installer_variables, plan
from elsewhere_sandbox.layer import lay, lend
from elsewhere_sandbox.python import find_python
from elsewhere_sandbox.requirements import read_requirements
from elsewhere_sandbox.runtimes.api import Command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from elsewhere.core.folders import Home, RunFolder
    from elsewhere.core.records import Environment
    from elsewhere_sandbox.installers.api import Installer
    from elsewhere_sandbox.python import Python
    from elsewhere_sandbox.setup import Setup

#: seconds between two looks at a lock that another run holds while it builds
_LOCK_PAUSE_S: Final = 0.05
#: lines of an installer's output that are kept in the task's outcome
_LAST_LINES: Final = 20
#: bytes; a larger file in a `bin` folder counts as a binary
_LARGEST_SCRIPT_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python of the program. `path` comes first on its PATH; `digest` names the environment."""

    python: Path
    path: tuple[Path, ...]
    digest: str
    was_cached: bool


def prepare_environment(
    environment: Environment,
    code: Path,
    folder: RunFolder,
    home: Home,
    setup: Setup,
    *,
    working_dir: str = ".",
    inherited: Mapping[str, str] = os.environ,
) -> Interpreter:
    """Prepares Python, packages and the run's own layer over them, in `folder.venv`.

    Phases: `python`, `install` (the shared environment), `link` (the layer), and `install` again
    for projects inside the code that are installed in place. Raises SetupError.
    """
    with setup.phase("python"):
        known = home.environments / "pythons.json"
        python = find_python(environment.python, known, setup, inherited)
    with setup.phase("install"):
        requirements = read_requirements(environment.packages, code, working_dir)
        order = _Order(
            python=python,
            lines=requirements.lines,
            installer=next(made for make in INSTALLERS.values() if (made := make()).is_available()),
            variables=installer_variables(inherited),
            home=home,
            scratch=folder.path,
            setup=setup,
        )
        shared = home.environments / order.digest
        was_cached = _ensure(shared, order)
    with setup.phase("link"):
        lay(folder.venv, python, shared, lend(home))
    if requirements.projects:
        with setup.phase("install"):
            lines = [f"-e {project.as_uri()}" for project in requirements.projects]
            _install(order, "editable.txt", lines, folder.venv, "--no-deps")
    return Interpreter(
        python=folder.venv / "bin" / "python",
        path=(folder.venv / "bin", shared / "bin"),
        digest=order.digest,
        was_cached=was_cached,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """An environment to build, and the means to build it."""

    python: Python
    lines: tuple[str, ...]
    installer: Installer
    variables: Mapping[str, str]
    home: Home
    scratch: Path
    setup: Setup

    @property
    def inputs(self) -> dict[str, Any]:
        """Everything that the environment depends on."""
        prefix = self.installer.prefix
        return {
            "python": str(self.python.executable),
            "version": self.python.version,
            "platform": self.python.platform,
            "requirements": self.lines,
            "installer": self.installer.name,
            "options": {k: v for k, v in sorted(self.variables.items()) if k.startswith(prefix)},
        }

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.inputs).encode()).hexdigest()[:32]


def _ensure(shared: Path, order: _Order) -> bool:
    """Builds the environment if it does not exist. True if it existed."""
    if _use(shared, order.setup):
        return True
    make_folder(shared.parent)
    with _lock(shared, order.setup):
        if _use(shared, order.setup):  # built while this run waited for the lock
            return True
        shutil.rmtree(shared, ignore_errors=True)
        try:
            _build(shared, order)
        except BaseException:
            shutil.rmtree(shared, ignore_errors=True)
            raise
    return False


def _use(shared: Path, setup: Setup) -> bool:
    marker = shared / "complete.json"
    try:
        os.utime(marker)
    except FileNotFoundError:
        return False
    seconds = read_json(marker)["seconds"]
    setup.say(f"Environment {shared.name[:12]} is there already: {seconds:.1f} s saved.")
    return True


@contextmanager
def _lock(shared: Path, setup: Setup) -> Iterator[None]:
    """Admits one builder at a time. The system releases the lock when its holder dies."""
    descriptor = os.open(shared.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        is_announced = False
        while not _is_locked(descriptor):
            if not is_announced:
                setup.say(f"Another run builds environment {shared.name[:12]}: waiting for it.")
                is_announced = True
            setup.check_stop()
            time.sleep(_LOCK_PAUSE_S)
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _build(shared: Path, order: _Order) -> None:
    started = time.monotonic()
    order.setup.say(
        f"Environment {shared.name[:12]} is built: Python {order.python.version}, "
        f"{order.installer.name}, {len(order.lines)} requirements."
    )
    brings_pip = order.installer.brings_pip
    argv = (
        *(sys.executable, "-m", "virtualenv", "--quiet", "--no-download", "--no-periodic-update"),
        *("--app-data", str(order.home.environments / "seed")),
        *(("--no-seed",) if brings_pip else ("--no-setuptools",)),
        *("--python", str(order.python.executable), str(shared)),
    )
    virtualenv = Command(argv=argv, folder=order.scratch, environment=order.variables)
    _run(order.setup, virtualenv, f"An environment of Python {order.python.version} cannot be made")
    if brings_pip:
        pip = f"pip @ {_pip_wheel(order.python.version).as_uri()}"
        _install(order, "pip.txt", [pip], shared, "--quiet")
    if order.lines:
        _install(order, "requirements.txt", order.lines, shared)
    _let_path_choose(shared / "bin")
    facts = {
        **json.loads(hide_passwords(json.dumps(order.inputs))),
        "options": sorted(order.inputs["options"]),  # their values may be passwords
        "size_bytes": _size_bytes(shared),
        "seconds": round(time.monotonic() - started, 3),
    }
    write_beside(shared / "complete.json", facts)


def _pip_wheel(version: str) -> Path:
    """The wheel that virtualenv carries: an installer puts it in faster than virtualenv does."""
    from virtualenv.seed.wheels.embed import get_embed_wheel  # noqa: PLC0415 - weight: cold only

    wheel = get_embed_wheel("pip", ".".join(version.split(".")[:2]))
    assert wheel is not None, "virtualenv carries a pip for every Python that it knows"
    return Path(wheel.path)


def _install(
    order: _Order, name: str, lines: Sequence[str], environment: Path, *options: str
) -> None:
    file = order.scratch / name
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command = plan(order.installer, file, environment, order.variables, *options)
    failed = f"The packages of this task cannot be installed into Python {order.python.version}"
    advice = (
        "Correct the task's packages where a name or a version is wrong; an index that is missing "
        f"is named on the agent's side, by the {order.installer.prefix}* variables."
    )
    _run(order.setup, command, failed, advice)


def _run(setup: Setup, command: Command, failed: str, advice: str = "") -> None:
    try:
        setup.run(command)
    except CommandError as error:
        last = "\n".join(error.tail.strip().splitlines()[-_LAST_LINES:])
        name = Path(command.argv[0]).name
        message = f"{failed}: {name} {error.ended}.\n{hide_passwords(last)}\n{advice}"
        raise SetupError(message.strip()) from error


def _let_path_choose(folder: Path) -> None:
    """Makes the environment's scripts run the first `python` on PATH. It is the run's own: it sees
    the run's packages and the lent ones, and `pip` installs into it.
    """
    own = re.escape(os.fsencode(folder / "python")) + rb"[\d.]*"
    # as pip, uv and virtualenv write it: plainly, or through sh where the path is long
    through_sh = rb"#!/bin/sh\n'''exec' [\"']?" + own + rb"[\"']? \"\$0\" \"\$@\"\n' '''\n"
    first = re.compile(rb"#!\s*" + own + rb"\n|" + through_sh)
    for path in folder.iterdir():
        if path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_size > _LARGEST_SCRIPT_BYTES:
            continue
        content = path.read_bytes()
        if match := first.match(content):
            path.write_bytes(b"#!/usr/bin/env python\n" + content[match.end() :])


def _size_bytes(folder: Path) -> int:
    return sum(
        (Path(parent) / name).lstat().st_size
        for parent, _, names in os.walk(folder)
        for name in names
    )
