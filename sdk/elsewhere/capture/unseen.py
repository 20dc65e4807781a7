"""Files of a working tree whose contents git does not look at by itself.

`skip-worktree` and `assume-unchanged` hide edits. What git LFS tracks is a pointer in the commits,
and the contents in the working tree. In the index of a capture both count as they are on disk.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from elsewhere.capture.budget import Budget
from elsewhere.capture.git import Git


def reveal(staging: Git, root: Path, marked: Collection[str]) -> None:
    """Takes the marks off the files `marked` that are there: one that is not, as in a sparse
    checkout, stays as it is in the commit."""
    there = [path for path in marked if os.path.lexists(root / path)]
    if there:
        given = os.fsencode("".join(f"{path}\0" for path in there))
        for option in ("--no-skip-worktree", "--no-assume-unchanged"):
            staging.run("update-index", "-z", option, "--stdin", given=given)


def take_contents(staging: Git, root: Path, paths: Collection[str], budget: Budget) -> None:
    """Makes the staging index read the files among `paths` that LFS tracks anew: as contents.
    Raises TooLargeError before anything is read."""
    tracked = [path for path in _of_lfs(staging, root, paths) if _size(root / path)]
    sizes = [(_size(root / path), path) for path in tracked]
    if sum(size for size, _ in sizes) > budget.left_bytes:
        raise budget.exceeded(
            f"the contents of the files in {root} that git LFS tracks",
            sizes,
            "Keep data outside of the code",
        )
    if tracked:
        given = os.fsencode("".join(f"{path}\0" for path in tracked))
        staging.run("update-index", "-z", "--force-remove", "--stdin", given=given)


def _of_lfs(git: Git, root: Path, paths: Collection[str]) -> Iterator[str]:
    files = [path for path in paths if path.rpartition("/")[2] == ".gitattributes"]
    if not any(b"filter=lfs" in _read(root / file) for file in files):
        return
    given = os.fsencode("".join(f"{path}\0" for path in paths))
    found = os.fsdecode(git.run("check-attr", "-z", "--stdin", "filter", given=given))
    fields = iter(found.split("\0")[:-1])
    for path, _, value in zip(fields, fields, fields, strict=True):
        if value == "lfs":
            yield path


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _size(file: Path) -> int:
    """The size of a plain file; 0 for all else."""
    try:
        found = file.lstat()
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0
