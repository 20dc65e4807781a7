"""Reads a lock file of the repository, uv.lock, poetry.lock or pylock.toml, as requirement lines
with hashes."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import tomllib
from packaging.markers import Marker

from elsewhere_sandbox.command import Command
from elsewhere_sandbox.errors import CommandError, SetupError
from elsewhere_sandbox.installers.uv import find_uv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from elsewhere_sandbox.python import Python
    from elsewhere_sandbox.setup import Setup

_UV: Final = "uv.lock"
_POETRY: Final = "poetry.lock"
#: poetry for this one use, in an environment that uv keeps
_POETRY_COMMAND: Final = (
    *("tool", "run", "--quiet", "--from", "poetry>=2,<3"),
    *("--with", "poetry-plugin-export>=1.9", "poetry"),
)
#: what an agent says of indexes to uv
_INDEXES: Final = ("UV_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX")
_INDEX: Final = re.compile(r"https?://[!-~]+")
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
        if file.name in (_UV, _POETRY):
            exported = scratch / "exported.txt"
            if file.name == _UV:
                _export_uv(file, exported, python.executable, setup, variables)
            else:
                _export_poetry(file, exported, setup, variables)
            text = exported.read_text(encoding="utf-8").replace("\\\n", " ")
            lines = [*text.splitlines(), *_root_of_poetry(file)]
            return list(_of_export(lines, file.parent, code, python.facts))
        return list(_of_pylock(_read(file), file.parent, code, python.facts))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(f"The lock file {name!r:.200} cannot be read: {error!r}.") from error


def _export_uv(
    file: Path, to: Path, python: Path, setup: Setup, variables: Mapping[str, str]
) -> None:
    options = ("--quiet", "--locked", "--no-header", "--no-annotate", "--python", str(python))
    # uv takes a lock for outdated where it does not know its indexes: those of the laptop
    known = {name: value for name, value in variables.items() if name not in _INDEXES}
    known["UV_INDEX"] = " ".join(_indexes(_read(file)))
    _export(file, to, ("export", *options), setup, known)


def _export_poetry(file: Path, to: Path, setup: Setup, variables: Mapping[str, str]) -> None:
    """Exports what `poetry install` takes: all groups that are not optional."""
    project = _read(file.with_name("pyproject.toml"))
    of_poetry = project.get("tool", {}).get("poetry", {}).get("group", {})
    groups = {*project.get("dependency-groups", {}), *of_poetry}
    groups -= {name for name, group in of_poetry.items() if group.get("optional")}
    options = ("--no-interaction", *(f"--with={name}" for name in sorted(groups)))
    own = {
        "POETRY_VIRTUALENVS_CREATE": "false",
        "POETRY_CACHE_DIR": str(to.with_name("poetry")),
        "POETRY_CONFIG_DIR": str(to.with_name("poetry")),
    }
    _export(file, to, (*_POETRY_COMMAND, "export", *options), setup, {**variables, **own})


def _root_of_poetry(file: Path) -> list[str]:
    """The line for the project itself, which poetry does not export and `poetry install` has."""
    project = _read(file.with_name("pyproject.toml")) if file.name == _POETRY else {}
    is_package = project.get("tool", {}).get("poetry", {}).get("package-mode", True)
    return ["-e ."] if "build-system" in project and is_package else []


def _export(
    file: Path, to: Path, argv: tuple[str, ...], setup: Setup, variables: Mapping[str, str]
) -> None:
    """Has uv write the lines of the file. Raises SetupError."""
    if not (uv := find_uv()):
        raise SetupError(f"{file.name} can only be read by uv, and this machine has none.")
    argv = (uv, *argv, "--output-file" if argv[0] == "export" else "--output", str(to))
    try:
        setup.run(Command(argv=argv, folder=file.parent, environment=variables, installs=True))
    except CommandError as error:
        failed = f"{file.name} cannot be read, or does not match the pyproject.toml beside it"
        raise SetupError(f"{failed}: uv {error.ended}.\n{error.tail}") from error


def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _indexes(written: Mapping[str, Any]) -> list[str]:
    """The indexes from which the packages of a uv.lock are, without folders."""
    found = {package["source"].get("registry", "") for package in written.get("package", ())}
    return sorted(index for index in found if _INDEX.fullmatch(index))


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
