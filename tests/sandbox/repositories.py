"""What tests of checkouts share: a host that checks out, and repositories to check out."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from elsewhere.capture.script import Script
from elsewhere.core.records import Source
from elsewhere_sandbox.checkout import checkout
from elsewhere_sandbox.errors import StopRequestedError
from elsewhere_sandbox.git import GitPolicy
from elsewhere_sandbox.runtimes.api import Command

LIMIT = 64_000_000
LOCAL = GitPolicy(allow_local_remotes=True)


class Voice:
    """A set-up that only listens."""

    def __init__(self, *, is_stopping: bool = False) -> None:
        self.phases: list[str] = []
        self.lines: list[str] = []
        self.is_stopping = is_stopping

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.phases.append(name)
        yield

    def say(self, line: str) -> None:
        self.lines.append(line)

    def run(self, command: Command) -> str:
        raise AssertionError(f"checkout runs git by itself, not {command}")

    def check_stop(self) -> None:
        if self.is_stopping:
            raise StopRequestedError("a stop")


class Host:
    """The other machine: mirrors and one folder for each attempt."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mirrors = path / "mirrors"
        self.voice = Voice()
        self._attempts = 0

    def checkout(
        self, source: Source, blobs: dict[str, bytes] | None = None, policy: GitPolicy = LOCAL
    ) -> Path:
        self._attempts += 1
        attempt = self.path / f"attempt{self._attempts}"
        inputs = attempt / "inputs"
        inputs.mkdir(parents=True)
        for digest, content in (blobs or {}).items():
            (inputs / digest).write_bytes(content)
        self.voice = Voice()
        for descriptor in checkout(
            source, attempt / "code", self.mirrors, inputs, self.voice, policy
        ):
            os.close(descriptor)
        return attempt / "code"

    def apply(self, patch: bytes, source: Source | None = None) -> Path:
        """Checks out a source with a patch."""
        digest = hashlib.sha256(patch).hexdigest()
        return self.checkout(replace(source or Source(), patch=digest), {digest: patch})


def git(folder: Path, *arguments: str, given: bytes = b"") -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, input=given, capture_output=True, check=False
    )
    assert done.returncode == 0, (arguments, done.stderr.decode())
    return done.stdout.decode(errors="surrogateescape").strip()


def new_repository(folder: Path) -> None:
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=more")
    return git(folder, "rev-parse", "HEAD")


def push_to_new(folder: Path, bare: Path) -> Path:
    git(folder.parent, "clone", "--quiet", "--bare", str(folder), str(bare))
    return bare


def clone(origin: Path, folder: Path) -> Path:
    git(origin.parent, "clone", "--quiet", str(origin), str(folder))
    return folder


def script(root: Path, name: str = "train.py") -> Script:
    return Script(path=(root / name).resolve(), folder=root.resolve())


def files_of(root: Path, *, without: tuple[str, ...] = ()) -> dict[str, tuple[str, bytes]]:
    """Path to (mode as git sees it, bytes) of every file outside of `.git`."""
    found = {}
    for parent, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*names, *links):
            path = Path(parent, name)
            relative = path.relative_to(root).as_posix()
            if name == ".git" or relative in without:
                continue
            if path.is_symlink():
                found[relative] = ("link", os.fsencode(path.readlink()))
            else:
                is_program = bool(path.stat().st_mode & stat.S_IXUSR)
                found[relative] = ("program" if is_program else "file", path.read_bytes())
    return found


def enrich(root: Path) -> None:
    """One of each kind of change, beside a commit that no remote has."""
    (root / "pushed_later.py").write_text("unpushed = True\n")
    (root / "to_delete.txt").write_text("soon gone\n")
    (root / "binary.bin").write_bytes(bytes(range(256)) * 40)
    (root / "becomes_program.sh").write_text("#!/bin/sh\n")
    (root / "windows.txt").write_bytes(b"one\r\ntwo\r\n")
    (root / ".gitignore").write_text("ignored.txt\n*.log\n")
    commit(root)
    (root / "train.py").write_text("print('two')\n")
    git(root, "add", "train.py")
    (root / "train.py").write_text("print('three')\n")  # staged, and changed again
    (root / "pushed_later.py").write_text("unpushed = 'edited'\n")
    (root / "to_delete.txt").unlink()
    (root / "binary.bin").write_bytes(bytes(reversed(range(256))) * 41)
    (root / "becomes_program.sh").chmod(0o755)
    (root / "windows.txt").write_bytes(b"one\r\ntwo\nthree\r\n")
    (root / "data").mkdir()
    (root / "data" / "untracked.npy").write_bytes(os.urandom(3000))
    (root / "data" / "empty").touch()
    (root / "new\r\n.txt").write_bytes(b"no end of line")
    (root / "with space.txt").write_text("a\n")
    (root / "grüße „x“.txt").write_text("ü\n")
    (root / 'quote"d\ttab.txt').write_text("q\n")
    (root / "untracked_windows.txt").write_bytes(b"one\r\ntwo\r\n")
    (root / "link").symlink_to("data/untracked.npy")
    (root / "link_to_folder").symlink_to("data")
    (root / "ignored.txt").write_text("stays here\n")
    (root / "x.log").write_text("stays here\n")
