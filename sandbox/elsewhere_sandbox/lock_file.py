"""Reads a lock file of the repository, uv.lock, poetry.lock or pylock.toml, as requirement lines
with hashes."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import tomllib
from packaging.markers import Marker

from elsewhere.core.secrets import hide_passwords
from elsewhere_sandbox.command import Command
from elsewhere_sandbox.errors import CommandError, SetupError
from elsewhere_sandbox.installers.uv import find_uv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from elsewhere_sandbox.python import Python
    from elsewhere_sandbox.setup import Setup

#: poetry for this one use, in an environment that uv keeps
POETRY: Final = (
    *("tool", "run", "--quiet", "--from", "poetry>=2,<3"),
    *("--with", "poetry-plugin-export>=1.9", "poetry"),
)
#: the variables by which uv is told indexes
_INDEXES: Final = frozenset(
    {
        *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"),
        *("UV_FIND_LINKS", "UV_NO_INDEX"),
    }
)
_PROJECT: Final = re.compile(
    r"(?:-e\s+)?(?:(?:[\w.-]+ @ )?file://(/\S*)|(\.[\w./-]*))(?:\s*;\s*(.*))?"
)


def lines_of(
    name: str, code: Path, scratch: Path, python: Python, setup: Setup, variables: Mapping[str, str]
) -> list[str]:
    """Returns the requirement lines of a lock file, by its path from the root of the `code`.

    `scratch` is a folder for files of its own; `variables` are those of an installer; `python` is
    the interpreter that the lines are for. Raises SetupError for a file that cannot be read, and
    for a lock of uv or poetry that its pyproject.toml has left behind.
    """
    code = code.resolve()
    file = (code / name).resolve()
    if not (file.is_relative_to(code) and file.is_file()):
        raise SetupError(f"The lock file {name!r:.200} of this task is not in its code.")
    try:
        exported = scratch / "exported.txt"
        if file.name == "uv.lock":
            lines = _exported_by_uv(file, exported, python.executable, setup, variables)
            return list(_of_export(lines, file.parent, code, python.facts))
        if file.name == "poetry.lock":
            lines = _exported_by_poetry(file, exported, setup, variables)
            return list(_of_export(lines, file.parent, code, python.facts))
        return list(_of_pylock(_read(file), file.parent, code, python.facts))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(f"The lock file {name!r:.200} cannot be read: {error!r}.") from error


def _exported_by_uv(
    file: Path, to: Path, python: Path, setup: Setup, variables: Mapping[str, str]
) -> list[str]:
    options = ("--quiet", "--locked", "--no-header", "--no-annotate", "--python", str(python))
    # Where it has indexes, uv takes a lock with others, as a laptop has, for outdated.
    own = to.with_name("uv") / "uv.toml"
    own.parent.mkdir(exist_ok=True)
    own.touch()
    others = {name: value for name, value in variables.items() if name not in _INDEXES}
    others |= dict.fromkeys(("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"), str(own.parents[1]))
    return _exported(file, to, ("export", *options, "--output-file", str(to)), setup, others)


def _exported_by_poetry(
    file: Path, to: Path, setup: Setup, variables: Mapping[str, str]
) -> list[str]:
    """What `poetry install` takes: all groups that are not optional and, where it is a package, the
    project itself."""
    project = _read(file.with_name("pyproject.toml"))
    of_poetry = project.get("tool", {}).get("poetry", {})
    groups = of_poetry.get("group", {})
    wanted = {*project.get("dependency-groups", {}), *groups}
    wanted -= {name for name, group in groups.items() if group.get("optional")}
    options = ("--no-interaction", *(f"--with={name}" for name in sorted(wanted)))
    own = {
        "POETRY_VIRTUALENVS_CREATE": "false",
        "POETRY_CACHE_DIR": str(to.with_name("poetry")),
        "POETRY_CONFIG_DIR": str(to.with_name("poetry")),
    }
    argv = (*POETRY, "export", *options, "--output", str(to))
    lines = _exported(file, to, argv, setup, {**variables, **own})
    is_package = "build-system" in project and of_poetry.get("package-mode", True)
    return [*lines, "-e ."] if is_package else lines


def _exported(
    file: Path, to: Path, argv: tuple[str, ...], setup: Setup, variables: Mapping[str, str]
) -> list[str]:
    """The lines of the file, which uv writes. Raises SetupError."""
    if not (uv := find_uv()):
        raise SetupError(f"{file.name} can only be read by uv, and this machine has none.")
    command = Command(argv=(uv, *argv), folder=file.parent, environment=variables, installs=True)
    try:
        setup.run(command)
    except CommandError as error:
        failed = f"{file.name} cannot be read, or does not match the pyproject.toml beside it"
        tail = hide_passwords(error.tail)
        raise SetupError(f"{failed}: uv {error.ended}.\n{tail}") from error
    return to.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _of_export(
    lines: Iterable[str], folder: Path, code: Path, facts: Mapping[str, str]
) -> Iterator[str]:
    """Yields the lines that uv has exported for a file in `folder`."""
    for line in lines:
        if found := _PROJECT.fullmatch(line.strip()):
            path = unquote(found[1]) if found[1] else found[2]
            yield from _in_place(path, found[3], folder, code, facts)
        elif not line.startswith("--"):  # indexes are those of this machine
            yield line


def _in_place(
    path: str, marker: str | None, folder: Path, code: Path, facts: Mapping[str, str]
) -> Iterator[str]:
    """Yields the line, seen from the root of the `code`, of a project at a `path` from `folder`,
    which is installed in place; none where its `marker` does not hold."""
    if marker is None or Marker(marker).evaluate({**facts, "extra": ""}):
        yield f"-e ./{os.path.relpath((folder / path).resolve(), code)}"


def _of_pylock(
    written: Mapping[str, Any], folder: Path, code: Path, facts: Mapping[str, str]
) -> Iterator[str]:
    """Yields the lines of a file in `folder`, as PEP 751 describes it."""
    for package in written["packages"]:
        marker = f" ; {package['marker']}" if "marker" in package else ""
        if vcs := package.get("vcs"):
            yield f"{package['name']} @ {vcs['type']}+{vcs['url']}@{vcs['commit-id']}{marker}"
        elif archive := package.get("archive"):
            digest = archive["hashes"].get("sha256", "")
            mark = f"#sha256={digest}" if digest else ""
            yield f"{package['name']} @ {archive['url']}{mark}{marker}"
        elif "directory" in package:
            path = package["directory"]["path"]
            yield from _in_place(path, package.get("marker"), folder, code, facts)
        else:
            yield f"{package['name']}=={package['version']}{marker}{_hashes(package)}"


def _hashes(package: Mapping[str, Any]) -> str:
    """The options for the digests of all files that a package of PEP 751 may be installed from."""
    files = (*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ()))
    digests = sorted({digest for file in files if (digest := file["hashes"].get("sha256"))})
    return "".join(f" --hash=sha256:{digest}" for digest in digests)
