"""Reads a lock file of the repository, uv.lock or pylock.toml, as requirement lines."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

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

_PROJECT: Final = re.compile(r"(?:-e\s+)?(\.[\w./-]*)(?:\s*;\s*(.*))?")


def lines_of(
    name: str, code: Path, scratch: Path, python: Python, setup: Setup, variables: Mapping[str, str]
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
            _export(file, exported, python.executable, setup, variables)
            lines = exported.read_text(encoding="utf-8").splitlines()
            return list(_of_export(lines, file.parent, code, python.facts))
        written = tomllib.loads(file.read_text(encoding="utf-8"))
        return list(_of_pylock(written, file.parent, code, python.facts))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(f"The lock file {name!r:.200} cannot be read: {error!r}.") from error


def _export(file: Path, to: Path, python: Path, setup: Setup, variables: Mapping[str, str]) -> None:
    if not (uv := find_uv()):
        raise SetupError(f"{file.name} can only be read by uv, and this machine has none.")
    options = ("--frozen", "--no-hashes", "--no-header", "--no-annotate")
    places = ("--python", str(python), "--output-file", str(to))
    argv = (uv, "export", "--quiet", *options, *places)
    try:
        command = Command(argv=argv, folder=file.parent, environment=variables, installs=True)
        setup.run(command)
    except CommandError as error:
        raise SetupError(f"{file.name} cannot be read: uv {error.ended}.\n{error.tail}") from error


def _of_export(
    lines: Iterable[str], folder: Path, code: Path, facts: Mapping[str, str]
) -> Iterator[str]:
    """Yields the lines that uv has exported for a file in `folder`."""
    for line in lines:
        if found := _PROJECT.fullmatch(line.strip()):
            yield from _in_place(found[1], found[2], folder, code, facts)
        else:
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
            yield f"{package['name']}=={package['version']}{marker}"
