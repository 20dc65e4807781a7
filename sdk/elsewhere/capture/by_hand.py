"""A task's code and environment as people set them by hand, checked and put into records.

In all arguments None leaves what is there and an empty text clears it.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from elsewhere.capture.launcher import MODULE, read_launcher, split_program
from elsewhere.core.checks import checked_text
from elsewhere.core.errors import UsageError
from elsewhere.core.folders import named_path
from elsewhere.core.records import Environment, Source
from elsewhere.core.secrets import hide_arguments, passwords_in

_PYTHON: Final = re.compile(r"(?:.*/)?python(\d+(?:\.\d+){0,2})?")
_COMMENT: Final = re.compile(r"(?:^|\s+)#.*$")
#: a path, a file: URL, or the name of an archive
_LOCAL: Final = re.compile(
    r"[./~]|file:|[^@]*@\s*(?:file:|[./~])|(?!\S*://)\S+\.(?:whl|zip|tar\.gz)(?:\s|$)"
)
#: an option of the installer, alone or behind a requirement; not `-e ./folder`, nor a hash
_OPTION: Final = re.compile(r"-(?!e\b|-editable)|.*\s--(?!hash)")
_INCLUDED: Final = re.compile(r"(?:-r|--requirement)(?:\s+|=)(.+)")


def text(what: str, given: object) -> str:
    """Returns `given` without spaces around it, None as "". Raises UsageError, with `what`."""
    if given is None:
        return ""
    return checked_text(what, str(given) if isinstance(given, os.PathLike) else given).strip()


def check_no_password(*texts: str) -> None:
    """Raises UsageError for a password or a token in a URL."""
    if any(map(passwords_in, texts)):
        raise UsageError(
            "A task cannot hold a password or token in a URL, since everybody who sees the task"
            " sees it: leave it out, and give the agent the credentials of that host."
        )


def requirement_lines(given: object) -> tuple[str, ...]:
    """Returns the lines of a list, or of a requirements file with those that it includes; none for
    an empty text. Raises UsageError for what cannot be read or cannot travel."""
    if isinstance(given, (str, os.PathLike)):
        lines = _of_file(named_path(given), set()) if str(given).strip() else []
    elif isinstance(given, (list, tuple)) and all(isinstance(line, str) for line in given):
        lines = [line.strip() for line in given if line.strip()]
    else:
        raise UsageError(
            f"Packages are a list of requirement lines or the path of a file of them, not"
            f" {given!r:.80}."
        )
    check_no_password(*lines)
    for line in lines:
        if _OPTION.match(line):
            raise UsageError(
                f"The requirement {line!r:.80} cannot travel: options of the installer are set on"
                " the agent's side. Take it out, or give the path of the file."
            )
        if _LOCAL.match(line):
            raise UsageError(
                f"The requirement {line!r:.80} is a path of this machine, and does not travel. Name"
                " a package of an index, or `-e ./folder` for a project inside the code."
            )
    return tuple(lines)


def with_packages(environment: Environment, lines: tuple[str, ...] | None) -> Environment:
    """Returns the environment with these requirement lines alone, and what they need."""
    return replace(
        environment, packages=lines, lock_file="", lock="", loaded=(), wheels=(), missing=""
    )


def argv_of(given: object) -> tuple[str, ...]:
    """Returns the words of a command line, a list or one text, without its secrets. Raises
    UsageError."""
    words: object = given
    if isinstance(given, str):
        words = _split("arguments of the script", given)
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise UsageError(f"argv is a list of texts, the script's arguments, not {given!r:.80}.")
    return hide_arguments(words)


def wished(package: object, version: object) -> tuple[str, str | None]:
    """Returns the arguments of `Task.add_requirements`, checked; `package` may be a file of lines.
    Raises UsageError."""
    name = text("The package", package)
    if not name:
        raise UsageError(
            f"A package is added by its name, or many by the path of a requirements file, not"
            f" {package!r:.80}."
        )
    if version is not None:
        version = checked_text(f"The version of {name}", version, note=" such as '1.0'")
    if version is None and (isinstance(package, os.PathLike) or name.endswith(".txt")):
        requirement_lines(name)
    check_no_password(name)
    return name, version


def with_image(
    environment: Environment,
    *,
    command: object = None,
    image: object = None,
    arguments: object = None,
    setup: object = None,
) -> Environment:
    """Returns the environment with another container image. `command` is an image with arguments
    behind it; `setup` is a script or a list of its lines. Raises UsageError."""
    changes: dict[str, Any] = {}
    if command is not None:
        name, _, behind = text("The docker command", command).partition(" ")
        changes = {"image": name, "image_arguments": _words(behind)}
    if image is not None:
        changes["image"] = text("The docker image", image)
    if arguments is not None:
        changes["image_arguments"] = _words(arguments)
    if setup is not None:
        lines = setup if isinstance(setup, (list, tuple)) else [setup]
        script = "\n".join(text("The set-up script", line) for line in lines).strip()
        changes["setup"] = (script,) if script else ()
    if " " in changes.get("image", ""):
        raise UsageError(
            f"{changes['image']!r} is not an image: its name cannot have spaces. Give the"
            " image's arguments by their own argument."
        )
    return replace(environment, **changes)


def with_binary(
    source: Source, environment: Environment, binary: object
) -> tuple[Source, Environment]:
    """Returns both with the program that runs the script: a Python, whose version counts, or any;
    if None, bash for a script that ends in `.sh`. Raises UsageError."""
    if binary is None and source.entry_point.endswith(".sh"):
        binary = source.binary or "/bin/bash"
    if binary is None:
        return source, environment
    name = text("The binary", binary)
    if python := _PYTHON.fullmatch(name):
        version = python[1] or ""
        if "." in version:
            environment = replace(environment, python=version)
        return replace(source, binary=""), environment
    if name and source.module:
        raise UsageError(f"The module {source.module!r} is run by Python, not by {name!r:.80}.")
    return replace(source, binary=name), environment


def with_code(
    source: Source,
    *,
    repository: object = None,
    branch: object = None,
    commit: object = None,
    patch: str | None = None,
    working_dir: object = None,
    entry_point: object = None,
) -> Source:
    """Returns the source with other code. Another commit drops what was captured of the old: its
    bundle, its submodules and the hash of the whole; uncommitted changes stay until `patch`, a
    digest, is another. `entry_point` may be `-m package.module`, with words behind it; a launcher's
    own ones end with its script. Raises UsageError.
    """
    given = {"repository": repository, "branch": branch, "commit": commit}
    changes: dict[str, Any] = {
        name: text(f"The {name}", value) for name, value in given.items() if value is not None
    }
    check_no_password(changes.get("repository", ""))
    deciding = ("repository", "commit") if source.commit else tuple(given)
    if any(changes.get(name, getattr(source, name)) != getattr(source, name) for name in deciding):
        changes |= {"bundle": "", "submodules": (), "tree": ""}
        if not source.repository and not source.commit:  # files outside git, not changes
            changes["patch"] = ""
    if changes.get("repository"):
        changes["missing"] = ""
    if patch is not None:
        changes |= {"patch": patch, "tree": ""}
    if working_dir is not None:
        changes["working_dir"] = text("The working folder", working_dir) or "."
    if entry_point is not None:
        program = text("The entry point", entry_point)
        is_module = program.startswith("-m ")
        changes |= {"module": "", "entry_point": program, "launcher": ()}
        if is_module:
            changes |= module_of(program[3:], source.argv)
    return replace(source, **changes)


def module_of(given: object, argv: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a source for what `python -m` is `given`: a module with the words behind it, or
    a launcher with its script. `argv` are the words where it has none. Raises UsageError."""
    words = _split("module and its words", text("The module", given))
    launched = read_launcher(words)
    if launched is None:
        return {"module": words[0], "entry_point": "", "argv": hide_arguments(words[1:]) or argv}
    launcher, (program, *rest) = split_program(launched)
    is_module = launcher[-1] in MODULE
    return {
        "launcher": hide_arguments(launcher),
        "module": program if is_module else "",
        "entry_point": "" if is_module else program,
        "argv": hide_arguments(rest) or argv,
    }


def _words(given: object) -> tuple[str, ...]:
    if isinstance(given, (list, tuple)):
        return tuple(text("An argument of the image", word) for word in given)
    return _split("arguments of the image", text("The arguments of the image", given))


def _split(what: str, words: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(words))
    except ValueError as error:
        raise UsageError(f"The {what}, {words!r:.80}, cannot be split: {error}.") from error


def _of_file(file: Path, seen: set[Path]) -> list[str]:
    if file in seen:
        return []
    seen.add(file)
    try:
        written = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UsageError(
            f"The requirements file {str(file)!r:.200} cannot be read: {error.strerror}. Give the"
            " path of one, or a list of requirement lines."
        ) from error
    lines: list[str] = []
    for line in written.replace("\\\n", " ").splitlines():
        line = _COMMENT.sub("", line).strip()
        if included := _INCLUDED.fullmatch(line):
            lines += _of_file(file.parent / included[1], seen)
        elif line.startswith("-") and not line.startswith(("-e ", "--editable")):
            raise UsageError(
                f"The line {line!r:.80} of {file.name} cannot travel: options of the installer are"
                " set on the agent's side, as UV_* or PIP_* variables. Take it out."
            )
        elif line:
            lines.append(line)
    return lines
