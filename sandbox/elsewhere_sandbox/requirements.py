"""Reads requirement lines from a task's record or its repository, and refuses those that do more
than name a package: they reach an installer that runs with the agent's rights and variables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.requirements import requirements_file
from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_URL: Final = r"(?:(?:git|hg|svn|bzr)\+)?(?:https?|ssh)://\S+"
#: A name with extras, versions or a URL, and a marker; or a bare URL. Only printable ASCII, no
#: `${VARIABLE}`, which pip would fill in, and nothing that looks like an option.
_REQUIREMENT: Final = re.compile(
    r"(?!.*(?:\s-|\$\{))(?=[ -~\t]+\Z)"
    rf"(?:[A-Za-z0-9][\w.-]*\s*(?:\[[\w.,\s-]*\])?\s*(?:@\s*{_URL}|\(?[<>=!~][^;@/]*)?|{_URL})"
    r"\s*(?:;.*)?"
)
_HASHES: Final = re.compile(r"(?:\s+--hash[= ]\w+:[0-9a-fA-F]+)+\Z")
_EDITABLE: Final = re.compile(r"(?:-e|--editable)(?:\s+|=)(.+)")
_INCLUDED: Final = re.compile(r"(?:-r|--requirement)(?:\s+|=)(.+)")
_COMMENT: Final = re.compile(r"(?:^|\s+)#.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """`lines` for an environment that may be shared, sorted; `projects` lie inside the code."""

    lines: tuple[str, ...] = ()
    projects: tuple[Path, ...] = ()


def read_requirements(
    packages: Iterable[str] | None, code: Path, working_dir: str = ".", script: str = ""
) -> Requirements:
    """The requirements of a task: its captured packages, else the nearest requirements.txt from its
    working folder up to the root of its code, else from the folder of its `script`, which is
    relative to the working folder. Raises SetupError for a line that is refused.
    """
    code = code.resolve()
    if packages is not None:
        asked = [(line.strip(), code) for line in packages if line.strip()]
    else:
        working = code / working_dir
        file = requirements_file(code, working, working / script)
        asked = list(_file(file, code, set())) if file else []
    lines = set()
    projects = set()
    for line, folder in asked:
        editable = _EDITABLE.fullmatch(line)
        if editable and re.fullmatch(_URL, editable[1]):
            line = editable[1]
        if editable and line != editable[1]:
            projects.add(_project(line, editable[1], folder, code))
        elif _REQUIREMENT.fullmatch(without_hashes(line)):
            lines.add(line)
        else:
            raise SetupError(
                f"The requirement {line!r} is refused: it is not the name of a package with "
                "versions, nor a URL (https, ssh, git+https, git+ssh), nor `-e ./folder` inside "
                "the code. Options for the installer are set on the agent's side, as UV_* or "
                "PIP_* variables."
            )
    return Requirements(lines=tuple(sorted(lines)), projects=tuple(sorted(projects)))


def without_hashes(line: str) -> str:
    """The requirement line without the digests of its files."""
    return _HASHES.sub("", line)


def _project(line: str, given: str, folder: Path, code: Path) -> Path:
    project = (folder / given).resolve()
    if not project.is_relative_to(code):
        raise SetupError(
            f"The requirement {line!r} is refused: {given!r} lies outside the code. Give a folder "
            "of the repository, or a package that an index or a git remote has."
        )
    if not any((project / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise SetupError(
            f"The requirement {line!r} cannot be installed: there is neither a pyproject.toml nor "
            f"a setup.py in {given!r}. Is that folder ignored by git, and so not captured?"
        )
    return project


def _file(file: Path, code: Path, seen: set[Path]) -> Iterator[tuple[str, Path]]:
    """The lines of a requirements file and of those that it includes, each with its folder."""
    file = file.resolve()
    if file in seen:
        return
    seen.add(file)
    if not file.is_relative_to(code) or not file.is_file():
        raise SetupError(
            f"The requirements file {file.name} is refused: there is no such file inside the code."
        )
    text = file.read_text(encoding="utf-8-sig", errors="replace").replace("\\\n", " ")
    for line in text.splitlines():
        line = _COMMENT.sub("", line).strip()
        if included := _INCLUDED.fullmatch(line):
            yield from _file(file.parent / included[1], code, seen)
        elif line:
            yield line, file.parent
