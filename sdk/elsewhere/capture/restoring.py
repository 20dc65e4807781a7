"""The code of a task, laid out in a folder again: what an agent runs, for a person to look at.

The commit comes from the repository and the task's bundle, the changes from its patch; both go into
the index first. The tree that they give is compared with that of the capture before a file is
written, so that no path of a patch leads anywhere.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from elsewhere.capture.git import Git
from elsewhere.core.code_layout import is_dot_git, leads_out, repositories
from elsewhere.core.errors import CaptureError
from elsewhere.core.records import Source, Submodule
from elsewhere.core.secrets import hide_passwords
from elsewhere.core.wording import counted

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_SHORT: Final = re.compile(r"[0-9a-f]{4,40}")
_PREREQUISITE: Final = re.compile(rb"^-([0-9a-f]{40})\b", re.MULTILINE)
#: a repository is asked for by its URL, a path here, or ssh's short form, never a program
_PROTOCOLS: Final = "https:http:ssh:git:file"
_LINK: Final = "120000"


def restore(source: Source, folder: Path, read: Callable[[str], bytes]) -> list[str]:
    """Fills the `folder`, which is made, with the code of a task: a repository with its commit, the
    changes in the index, or files alone where there was none. `read` gives a blob by its digest.
    Returns sentences on what is not as it was.

    Raises CaptureError for code that is not whole, cannot be fetched, or is not what was captured;
    then the folder is not there.
    """
    if source.missing:
        raise CaptureError(f"The code of the task is not whole: {source.missing}")
    if not (source.repository or source.commit or source.patch):
        raise CaptureError("The task has no code: no repository, no commit and no changes.")
    folder.mkdir(parents=True)
    sentences: list[str] = []
    try:
        for record in repositories(source):
            branch = "" if record.path else source.branch
            part = _Part(record, _inside(folder, record.path))
            part.fill(branch, read)
            sentences += part.bring_large_files()
        if not (source.repository or source.commit):
            shutil.rmtree(folder / ".git")
    except FileNotFoundError as error:
        shutil.rmtree(folder)
        raise CaptureError("There is no `git` on the PATH. Install git.") from error
    except BaseException:
        shutil.rmtree(folder)
        raise
    return sentences


class _Part:
    """One repository: the outermost, or a submodule."""

    def __init__(self, record: Submodule, folder: Path) -> None:
        self._record = record
        self._what = f"The submodule {record.path}" if record.path else "The code"
        folder.mkdir(parents=True, exist_ok=True)
        asks = "1" if sys.stdin is not None and sys.stdin.isatty() else "0"
        self._git = Git(folder, GIT_ALLOW_PROTOCOL=_PROTOCOLS, GIT_TERMINAL_PROMPT=asks)

    def fill(self, branch: str, read: Callable[[str], bytes]) -> None:
        record = self._record
        self._run("init", "--quiet", "--template=")
        if record.repository:
            if record.repository.startswith("-"):
                raise CaptureError(f"{record.repository!r:.200} is no repository.")
            self._run("remote", "add", "origin", record.repository)
        commit = record.commit
        bundle = read(record.bundle) if record.bundle else b""
        if commit and not _SHORT.fullmatch(commit):
            raise CaptureError(f"{commit!r:.80} is not the name of a commit.")
        if bundle:
            if below := [one.decode() for one in _PREREQUISITE.findall(_header(bundle))]:
                self._fetch(below, branch)
            file = self._git.folder / ".git" / "bundle"
            file.write_bytes(bundle)
            self._run("bundle", "unbundle", str(file))
            file.unlink()
        elif commit or record.repository:
            commit = self._fetch([commit], branch)
        if commit:
            self._run("read-tree", commit)
            self._run("update-ref", "--no-deref", "HEAD", commit)
        if record.patch:
            self._run("apply", "--cached", "--binary", "-", given=read(record.patch))
            self._check_links(commit)
        made = self._run("write-tree")
        if record.tree not in ("", made):
            raise CaptureError(
                f"{self._what} is not what was captured: its tree is {made} and should be"
                f" {record.tree}."
            )
        self._run("checkout-index", "--all", "--index", "--quiet")

    def bring_large_files(self) -> list[str]:
        """Has git LFS bring the files that it tracks; a sentence where it cannot."""
        tracked = self._run("ls-files", "-z", "--", ":(attr:filter=lfs)")
        if not tracked or not self._git.try_run("lfs", "pull").returncode:
            return []
        what = f"{counted(tracked.count(chr(0)), 'file')} of git LFS as pointers"
        return [f"{self._what} has {what}: 'git lfs pull' failed."]

    def _fetch(self, needed: list[str], branch: str) -> str:
        """Fetches commits, or the branch's newest where that is one without a name. Returns the
        whole name of the first."""
        url = hide_passwords(self._record.repository)
        if not url:
            raise CaptureError(
                f"{' and '.join(needed)} is not in what the task brought with it, and it names no"
                " repository."
            )
        fetch = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "origin")
        if needed == [""]:
            wanted = [branch or "HEAD"]
        else:
            wanted = needed if all(map(_COMMIT.fullmatch, needed)) else []
        if not wanted or self._git.try_run(*fetch, *wanted).returncode:
            told = self._git.try_run(*fetch, "+refs/*:refs/remotes/origin/*")
            if told.returncode:
                message = hide_passwords(told.stderr.decode(errors="replace")).strip()
                raise CaptureError(f"The repository {url} cannot be read. git said:\n{message}")
        name = "FETCH_HEAD" if needed == [""] else needed[0]
        found = self._git.try_run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        if found.returncode:
            raise CaptureError(
                f"The repository {url} does not have {name}. It was never pushed, or a forced push"
                " took it away."
            )
        return found.stdout.decode().strip()

    def _check_links(self, commit: str) -> None:
        """Refuses links of the patch that lead out of the code; those of a commit are its own."""
        since = commit or self._run("hash-object", "-t", "tree", "-w", os.devnull)
        raw = self._run("diff-index", "--cached", "--raw", "-z", "--no-renames", since)
        fields = iter(raw.split("\0"))
        for entry, path in zip(fields, fields, strict=False):  # one empty string stays over
            _, mode, _, content, _ = entry.split()
            if mode != _LINK:
                continue
            target = self._run("cat-file", "blob", content)
            if leads_out(PurePosixPath(self._record.path, path), target):
                raise CaptureError(
                    f"The changes of the task are refused: the link {path} leads to {target}, out"
                    " of the code."
                )

    def _run(self, *arguments: str, given: bytes = b"") -> str:
        ended = self._git.try_run(*arguments, given=given)
        if ended.returncode:
            message = hide_passwords(ended.stderr.decode(errors="replace")).strip()
            raise CaptureError(
                f"{self._what} cannot be laid out, since `git {arguments[0]}` failed. git said:\n"
                f"{message}"
            )
        return os.fsdecode(ended.stdout).strip()


def _inside(folder: Path, path: str) -> Path:
    """The folder of a submodule. Raises CaptureError for one outside."""
    parts = PurePosixPath(path).parts
    if any(part in ("/", "..") or is_dot_git(part) for part in parts):
        raise CaptureError(f"A submodule cannot be at {path!r:.200}.")
    where = folder
    for part in parts:
        where /= part
        if where.is_symlink():
            raise CaptureError(f"The submodule at {path!r:.200} would lie behind a link.")
    return where


def _header(bundle: bytes) -> bytes:
    return bundle.partition(b"\n\n")[0]
