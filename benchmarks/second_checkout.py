"""What it takes to check out a large repository again, which the machine has a mirror of."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure, percentile
from elsewhere.core.records import Source
from elsewhere_sandbox.checkout import checkout
from elsewhere_sandbox.git import GitPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.place import Place
    from elsewhere_sandbox.runtimes.api import Command

_SAMPLES: Final = 3
_FILES: Final = 5000
_FILE_BYTES: Final = 100_000
#: of the time of the peer
_SHARE: Final = 1.3


class _Quiet:
    """A set-up that nobody watches."""

    @contextmanager
    def phase(self, _name: str) -> Iterator[None]:
        yield

    def say(self, line: str) -> None: ...

    def run(self, command: Command) -> str:
        raise AssertionError(f"A checkout does not run {command}.")

    def check_stop(self) -> None: ...


def measure(place: Place) -> list[Figure]:
    repository, mirrors = _repository(place.folder / "large"), place.folder / "mirrors"
    commit = _git(repository, "rev-parse", "HEAD")
    source = Source(repository=str(repository), commit=commit)
    policy = GitPolicy(allow_local_remotes=True)
    ours: list[float] = []
    peer: list[float] = []
    for number in range(_SAMPLES + 1):
        code, worktree = place.folder / f"code{number}", place.folder / f"worktree{number}"
        os.sync()  # what the last one wrote is not this one's to wait for
        started = time.monotonic()
        used = checkout(source, code, mirrors, place.folder, _Quiet(), policy)
        ours.append(time.monotonic() - started)
        os.sync()
        started = time.monotonic()
        _git(repository, "worktree", "add", "--quiet", "--detach", str(worktree), commit)
        peer.append(time.monotonic() - started)
        for descriptor in used:
            os.close(descriptor)
        for folder in (code, worktree):
            shutil.rmtree(folder)
        _git(repository, "worktree", "prune")
    return [
        Figure(
            name="second checkout of a repository of 500 MB",
            unit="s",
            samples=ours[1:],
            targets={"median": percentile(peer[1:], 50) * _SHARE},
            beside=Beside(name="git worktree add", samples=peer[1:]),
            note="ours compares the hash of the tree, and looks for files of git LFS",
        )
    ]


def _repository(folder: Path) -> Path:
    folder.mkdir()
    for number in range(_FILES):
        file = folder / f"{number // 100}" / f"{number}.bin"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(os.urandom(_FILE_BYTES))
    person = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org")
    _git(folder, "init", "--quiet")
    _git(folder, "-c", "core.looseCompression=0", "add", "--all")
    _git(folder, *person, "commit", "--quiet", "--message=large")
    _git(folder, "-c", "pack.compression=0", "repack", "-qad")
    return folder


def _git(folder: Path, *arguments: str) -> str:
    ended = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return ended.stdout.strip()
