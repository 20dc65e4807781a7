"""What it takes to check out a large repository again, which the machine has a mirror of."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure, percentile
from elsewhere.core.records import Source
from elsewhere_sandbox.checkout import checkout
from elsewhere_sandbox.git import GitPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place
    from elsewhere_sandbox.command import Command

_SAMPLES: Final = 6
_FILES: Final = 5000
_FILE_BYTES: Final = 100_000
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder in it is its own
#: the repository, its mirror, and two or three times its files
_ROOM_BYTES: Final = 4 << 30
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
    with _folder(place) as folder:
        ours, peer = _measured(folder)
    return [
        Figure(
            name="second checkout of a repository of 500 MB",
            unit="s",
            samples=ours,
            targets={"median": percentile(peer, 50) * _SHARE},
            beside=Beside(name="git worktree add", samples=peer),
            note="in memory where that has room, since a disk's own times are longer and differ;"
            " ours compares the hash of the tree, and looks for files of git LFS",
        )
    ]


def _measured(folder: Path) -> tuple[list[float], list[float]]:
    repository, mirrors = _repository(folder / "large"), folder / "mirrors"
    commit = _git(repository, "rev-parse", "HEAD")
    source = Source(repository=str(repository), commit=commit)
    policy = GitPolicy(allow_local_remotes=True)
    ours: list[float] = []
    peer: list[float] = []

    def check_out(to: Path) -> None:
        for descriptor in checkout(source, to, mirrors, folder, _Quiet(), policy):
            os.close(descriptor)

    def add_worktree(to: Path) -> None:
        _git(repository, "worktree", "add", "--quiet", "--detach", str(to), commit)

    check_out(folder / "first")  # makes the mirror
    for number in range(_SAMPLES):
        both = [(check_out, ours), (add_worktree, peer)]
        made = [folder / f"{number}-{one}" for one in range(2)]
        for (make, seconds), to in zip(both[:: -1 if number % 2 else 1], made, strict=True):
            os.sync()  # what the last one wrote is not this one's to wait for
            started = time.monotonic()
            make(to)
            seconds.append(time.monotonic() - started)
        for to in made:
            shutil.rmtree(to)
        _git(repository, "worktree", "prune")
    return ours, peer


@contextmanager
def _folder(place: Place) -> Iterator[Path]:
    """One in memory, if that has room."""
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ROOM_BYTES:
        yield place.folder
        return
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        yield Path(folder)


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
