"""The file that a program did not find elsewhere, since git ignores it and ignored files stay at
home."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from elsewhere_sandbox.errors import SandboxError
from elsewhere_sandbox.git import Git, GitPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere_sandbox.setup import Setup

#: as Python, and what is written in C, name it
_NOT_FOUND: Final = re.compile(
    r"No such file or directory: b?'([^'\n]+)'|([^\s:']+): No such file or directory"
)


def missed_file(printed: str, code: Path, working: Path, setup: Setup) -> str:
    """A sentence on the last file that a failed program had not found by what it `printed`, if it
    would lie in the `code` and git ignores it there; else an empty text. `working` is the folder
    in which it ran."""
    found = [one[1] or one[2] for one in _NOT_FOUND.finditer(printed)]
    path = os.path.normpath(working / found[-1]) if found else ""
    if not path.startswith(f"{code}/"):
        return ""
    name = os.path.relpath(path, code)
    git = Git(setup, GitPolicy(), code.parent)
    try:
        answer = git.ask(
            *("check-ignore", "--no-index", "--verbose", "--", name),
            git_dir=code / ".git",
            worktree=code,
        )
    except SandboxError:  # git is gone, or a stop came: there is nothing to be added
        return ""
    rule, _, _ = answer.output.partition("\t")
    if not answer.is_ok or not rule:
        return ""
    return (
        f"It did not find {name}, which git ignores ({rule}): ignored files do not travel. Name it"
        " as data, Task.init(data=[...]), or take it out of .gitignore."
    )
