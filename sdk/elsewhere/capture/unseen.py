"""Files of a working tree whose contents git does not look at by itself.

`skip-worktree` and `assume-unchanged` hide edits. What git LFS tracks is a pointer in the commits,
and the contents in the working tree; so is what another filter of this machine's settings checks
out in another form. In the index of a capture all count as they are on disk, but for what a filter
encrypts: its contents would be for everybody to read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from elsewhere.capture.budget import Budget
from elsewhere.capture.git import Git
from elsewhere.core.errors import CaptureError

_LFS: Final = "lfs"
_FILTERS: Final = r"^filter\..*\.(smudge|process)$"
#: smudges that change nothing: then the commits have what everybody checks out
_SAME: Final = ("", "cat")
#: in the names of filters that encrypt: git-crypt, transcrypt, sops, age, ...
_ENCRYPTING: Final = re.compile(r"crypt|sops|\bage\b|gpg|vault|secret", re.IGNORECASE)
#: files that an error lists
_LISTED: Final = 5


def reveal(staging: Git, root: Path, marked: Collection[str]) -> None:
    """Takes the marks off the files `marked` that are there: one that is not, as in a sparse
    checkout, stays as it is in the commit."""
    there = [path for path in marked if os.path.lexists(root / path)]
    if there:
        given = os.fsencode("".join(f"{path}\0" for path in there))
        for option in ("--no-skip-worktree", "--no-assume-unchanged"):
            staging.run("update-index", "-z", option, "--stdin", given=given)


def filters_of(git: Git) -> tuple[str, ...]:
    """The names of the filters that check files out in another form than the commits have them."""
    settings = os.fsdecode(git.try_run("config", "-z", "--get-regexp", _FILTERS).stdout)
    pairs = (setting.partition("\n")[::2] for setting in settings.split("\0")[:-1])
    found = {key.split(".", 1)[1].rpartition(".")[0] for key, value in pairs if value not in _SAME}
    return tuple(sorted({*found, _LFS}))  # its own is off in each git of ours


def off(filters: Collection[str]) -> dict[str, str]:
    """The variables by which git reads what these filters track as contents."""
    parts = {"clean": "", "smudge": "", "process": "", "required": "false"}
    settings = [
        (f"filter.{name}.{part}", value) for name in filters for part, value in parts.items()
    ]
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def take_contents(
    staging: Git, root: Path, paths: Collection[str], filters: Collection[str], budget: Budget
) -> None:
    """Makes the staging index read the files among `paths` that the `filters` track anew: as
    contents. Raises TooLargeError before anything is read, and CaptureError for encrypted ones."""
    found = dict(_filtered(staging, root, paths, filters))
    tracked = [path for path in found if _size(root / path)]
    if hidden := sorted(path for path in tracked if _ENCRYPTING.search(found[path])):
        raise CaptureError(
            f"{', '.join(hidden[:_LISTED])} in {root} cannot travel: the filter"
            f" {found[hidden[0]]!r} encrypts it in the commits, and its contents would stand in the"
            " store for everybody to read. Lock it before the start, so that it travels as it is in"
            " the commits, and give the program its secrets by variables of the agent."
        )
    sizes = [(_size(root / path), path) for path in tracked]
    if sum(size for size, _ in sizes) > budget.left_bytes:
        names = sorted({"git LFS" if name == _LFS else repr(name) for name in found.values()})
        raise budget.exceeded(
            f"the contents of the files in {root} that {' and '.join(names)} tracks",
            sizes,
            "Keep data outside of the code",
        )
    if tracked:
        given = os.fsencode("".join(f"{path}\0" for path in tracked))
        staging.run("update-index", "-z", "--force-remove", "--stdin", given=given)


def _filtered(
    git: Git, root: Path, paths: Collection[str], filters: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yields the paths that one of the `filters` tracks, each with its name."""
    own = Path(
        root, os.fsdecode(git.run("rev-parse", "--git-path", "info/attributes")).rstrip("\n")
    )
    files = [root / path for path in paths if path.rpartition("/")[2] == ".gitattributes"]
    if not any(b"filter=" in _read(file) for file in (own, *files)):
        return
    given = os.fsencode("".join(f"{path}\0" for path in paths))
    found = os.fsdecode(git.run("check-attr", "-z", "--stdin", "filter", given=given))
    fields = iter(found.split("\0")[:-1])
    for path, _, value in zip(fields, fields, fields, strict=True):
        if value in filters:
            yield path, value


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
