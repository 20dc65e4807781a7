"""How the code of a task lies in its folder: its repositories, and paths that must stay inside."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from elsewhere.core.records import Submodule

if TYPE_CHECKING:
    from elsewhere.core.records import Source

_DOT_GIT: Final = re.compile(r"\.git|git~\d", re.IGNORECASE)


def repositories(source: Source) -> list[Submodule]:
    """The outermost repository, at the empty path, and the submodules, an outer one before those in
    it."""
    outermost = Submodule(
        path="",
        repository=source.repository,
        commit=source.commit,
        patch=source.patch,
        bundle=source.bundle,
        tree=source.tree,
    )
    return [outermost, *sorted(source.submodules, key=_depth)]


def _depth(submodule: Submodule) -> int:
    return len(PurePosixPath(submodule.path).parts)


def is_dot_git(name: str) -> bool:
    """True for `.git` in every spelling that some file system takes for it."""
    return _DOT_GIT.fullmatch(name) is not None


def leads_out(link: PurePosixPath, target: str) -> bool:
    """True if the `link`, from the root of the code, leads out of that by its `target`, or into
    git's own files. Leading `..` count exactly: git puts no file behind a link."""
    parts = PurePosixPath(target).parts
    up = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    return (
        target.startswith("/")
        or up > len(link.parts) - 1
        or ".." in parts[up:]
        or any(map(is_dot_git, parts))
    )
