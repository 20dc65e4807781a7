"""Reads a lock file of the repository, uv.lock or pylock.toml, as requirement lines."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

import tomllib

from elsewhere_sandbox.errors import CommandError, SetupError
from elsewhere_sandbox.installers.uv import find_uv
from elsewhere_sandbox.runtimes.api import Command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from elsewhere_sandbox.setup import Setup

_PROJECT: Final = re.compile(r"(?:-e\s+)?(\.[\w./-]*)(?:\s*;.*)?")


def lines_of(
    name: str, code: Path, scratch: Path, python: Path, setup: Setup, variables: Mapping[str, str]
) -> list[str]:
    """Returns the requirement lines of a lock file, by its path from the root of the `code`.

    `scratch` is a folder for files of its own; `variables` are those of an installer; `python` is
    the interpreter that the lines are for. Raises SetupError for a file that cannot be read.
    """
    code = code.resolve()
    file = (code / name).resolve()
    if not (file.is_relative_to(code) and file.is_file()):
        raise SetupError(f"The lock file {name!r:.200} of this task is not in its code.")
    try:
        if file.name == "uv.lock":
            exported = scratch / "exported.txt"
            _export(file, exported, python, setup, variables)
            lines = exported.read_text(encoding="utf-8").splitlines()
            return [_from_root(line, file.parent, code) for line in lines]
        written = tomllib.loads(file.read_text(encoding="utf-8"))
        return list(_of_pylock(written, file.parent, code))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(f"The lock file {name!r:.200} cannot be read: {error!r}.") from error


def _export(file: Path, to: Path, python: Path, setup: Setup, variables: Mapping[str, str]) -> None:
    if not (uv := find_uv()):
        raise SetupError(f"{file.name} can only be read by uv, and this machine has none.")
    options = ("--frozen", "--no-hashes", "--no-header", "--no-annotate")
    places = ("--python", str(python), "--output-file", str(to))
    argv = (uv, "export", "--quiet", *options, *places)
    try:
        setup.run(Command(argv=argv, folder=file.parent, environment=variables))
    except CommandError as error:
        raise SetupError(f"{file.name} cannot be read: uv {error.ended}.\n{error.tail}") from error


def _from_root(line: str, folder: Path, code: Path) -> str:
    """Returns a line; one on a project, seen from `folder`, is one that is installed in place."""
    if not (found := _PROJECT.fullmatch(line.strip())):
        return line
    return _in_place(found[1], folder, code)


def _in_place(path: str, folder: Path, code: Path) -> str:
    """Returns the line, seen from the root of the `code`, of a project at a path from `folder`."""
    return f"-e ./{os.path.relpath((folder / path).resolve(), code)}"


def _of_pylock(written: Mapping[str, Any], folder: Path, code: Path) -> Iterator[str]:
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
            yield _in_place(package["directory"]["path"], folder, code)
        else:
            yield f"{package['name']}=={package['version']}{marker}"
