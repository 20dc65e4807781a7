"""Turns a task's source into the folder with exactly the code that was captured.

Phases: `checkout` finds or fetches the commits, `patch` adds what was not committed, `verify`
compares tree hashes, `files` writes the files.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from elsewhere.core.code_layout import is_dot_git, repositories
from elsewhere.core.records import Submodule
from elsewhere_sandbox.code import Code
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.git import Git, GitPolicy
from elsewhere_sandbox.lfs import fetch
from elsewhere_sandbox.mirror import Mirror

if TYPE_CHECKING:
    from elsewhere.core.records import Source
    from elsewhere_sandbox.setup import Setup

#: the digits of a commit's whole name
_WHOLE: Final = 40
_COMMIT: Final = re.compile(r"[0-9a-f]{4,40}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_PREREQUISITE: Final = re.compile(rb"-([0-9a-f]{40})\b")


def checkout(
    source: Source, folder: Path, mirrors: Path, inputs: Path, setup: Setup, policy: GitPolicy
) -> tuple[int, ...]:
    """Fills `folder`, which is new, with the code of `source`.

    `mirrors` is shared by all attempts of the machine, `inputs` holds this one's patches and
    bundles by digest. The code is a repository with a detached HEAD, `origin` and the changes in
    its index; it borrows objects from `mirrors`, so both must stay where they are: those that it
    uses are not removed while the returned descriptors are open, until the end of this process.

    Raises SetupError, and StopRequestedError if a stop was requested.
    """
    if not (source.repository or source.commit or source.patch):
        raise SetupError(
            "The task has no code: no repository, no commit and no changes. Give it a repository."
        )
    git = Git(setup, policy, mirrors)
    was_captured = bool(source.tree or source.submodules)
    parts, used = [], []
    with setup.phase("checkout"):
        records = repositories(source)
        for number, record in enumerate(records):  # which grows, where nothing was captured
            code = _code(record, number, folder, git)
            branch = "" if record.path else source.branch
            mirror = Mirror(record.repository, mirrors, git, setup) if record.repository else None
            if mirror is not None:
                used.append(mirror.use())
            _read_commit(record, branch, code, mirror, inputs)
            parts.append((record, code, mirror))
            if not was_captured:
                records += code.submodules(record.repository)
    if any(record.patch for record, _, _ in parts):
        with setup.phase("patch"):
            for record, code, _ in parts:
                if record.patch:
                    code.apply(_input(inputs, record.patch))
    with setup.phase("verify"):
        for record, code, _ in parts:
            code.verify(record.tree)
    with setup.phase("files"):
        for _, code, mirror in parts:
            code.write_files(fetch(code, mirror))
        if source.tree:
            _make_working_folder(folder, source.working_dir)
    return tuple(used)


def _code(record: Submodule, number: int, folder: Path, git: Git) -> Code:
    """Makes the repository's folder before any file, so that no link can stand in its way."""
    path = PurePosixPath(record.path)
    is_inner = bool(path.parts) and not path.is_absolute()
    if number and (not is_inner or any(part == ".." or is_dot_git(part) for part in path.parts)):
        raise SetupError(f"A submodule cannot be at {record.path!r}. Capture the code anew.")
    git_dir = folder / ".git" / (f"modules/{number}" if number else "")
    (folder / path).mkdir(parents=True, exist_ok=True)
    return Code(folder / path, git_dir, git, path=record.path)


def _read_commit(
    record: Submodule, branch: str, code: Code, mirror: Mirror | None, inputs: Path
) -> None:
    """Makes the repository and puts the commit, if there is one, into its index."""
    bundle = _input(inputs, record.bundle) if record.bundle else None
    commit = record.commit
    if mirror and not commit:
        commit = mirror.head(branch)
    if commit and not _COMMIT.fullmatch(commit):
        raise SetupError(f"{commit!r} is not the name of a commit: correct the task's commit.")
    needed = _prerequisites(bundle) if bundle else (commit,) if commit else ()
    if needed:
        if mirror is None:
            raise SetupError(
                f"The commit {commit} is not in what the task brought with it, and the task names"
                " no repository to fetch it from. Capture the code anew."
            )
        mirror.require(*needed)
    code.create(record.repository, mirror.objects if mirror and needed else None)
    if bundle:
        code.unbundle(bundle)
    if commit:
        is_short = mirror is not None and len(commit) < _WHOLE
        code.read(mirror.resolve(commit) if mirror and is_short else commit)


def _prerequisites(bundle: Path) -> tuple[str, ...]:
    """The commits that a bundle builds upon, from its header."""
    found = []
    with bundle.open("rb") as file:
        while (line := file.readline(1 << 16)) not in (b"\n", b""):
            if prerequisite := _PREREQUISITE.match(line):
                found.append(prerequisite[1].decode())
    return tuple(found)


def _input(inputs: Path, digest: str) -> Path:
    """The file with this digest. Raises SetupError if its content does not match its name."""
    path = inputs / digest
    if not _DIGEST.fullmatch(digest) or not path.is_file():
        raise SetupError(
            f"The changes {digest!r} of the task are not here: they were never stored, or their"
            " lifetime is over. Capture the code anew."
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise SetupError(
            f"The changes {digest} of the task are damaged: they have the digest {found}. Start the"
            " task again, and capture the code anew if that does not help."
        )
    return path


def _make_working_folder(folder: Path, working_dir: str) -> None:
    """Makes the working folder: git keeps no empty ones, and the program may start in one."""
    working = folder / working_dir
    if working.resolve().is_relative_to(folder.resolve()):
        with suppress(FileExistsError):
            working.mkdir(parents=True, exist_ok=True)
