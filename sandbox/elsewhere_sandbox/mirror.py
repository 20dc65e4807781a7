"""One bare repository per remote, kept on the machine and shared by all attempts.

Only the remote's own objects get in: bundles and patches of tasks go into the attempt's repository.
Nothing is taken out of a mirror, since code folders borrow objects from here; it is removed as a
whole while nobody uses it.

<home>/mirrors/
├── <digest>.lock         held by the one who fetches
├── <digest>.used         shared by those who borrow; its time of change is the time of last use
└── <digest>/             a bare repository; `description` has its URL, `lfs` what git LFS tracks
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.folders import make_folder
from elsewhere_sandbox import alone as locks
from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from elsewhere.core.folders import Home
    from elsewhere_sandbox.git import Answer, Git
    from elsewhere_sandbox.setup import Setup

#: seconds between two looks at a lock that another attempt holds while it fetches
_LOOK_S: Final = 0.05
_USED: Final = ".used"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_WHOLE_NAME: Final = re.compile(r"[0-9a-f]{40}")


class Mirror:
    """The copy of the repository at `url` that lies below `mirrors`; its own `url` is the one by
    which the repository is reached."""

    def __init__(self, url: str, mirrors: Path, git: Git, setup: Setup) -> None:
        git.policy.check(url)
        self.url = git.policy.credentials.reachable(url)
        self.path = mirrors / hashlib.sha256(self.url.encode()).hexdigest()
        self._git = git
        self._setup = setup

    @property
    def objects(self) -> Path:
        """The folder of objects that other repositories borrow from."""
        return self.path / "objects"

    def use(self) -> int:
        """Marks the mirror as used until the returned descriptor is closed."""
        make_folder(self.path.parent)
        descriptor = locks.share(self.path.with_suffix(_USED), self._setup)
        os.utime(descriptor)
        return descriptor

    def head(self, branch: str) -> str:
        """The commit that the remote's `branch` (also a tag) is at now; an empty one stands for its
        default branch."""
        names = ["HEAD"]
        if branch:
            names = [f"refs/heads/{branch}", f"refs/tags/{branch}^{{}}", f"refs/tags/{branch}"]
        with self._locked():
            self._create()
        answer = self._talk("ls-remote", "--quiet", "--", self.url)
        found = {
            name: commit for commit, _, name in map(_parted, self._access(answer).splitlines())
        }
        commit = next(filter(None, map(found.get, names)), None)
        if commit is None:
            raise SetupError(
                f"The repository {self.url} has no {f'branch {branch!r}' if branch else 'commit'}."
                " Correct the task's branch, or push it."
            )
        return commit

    def require(self, *commits: str) -> None:
        """Fetches the missing commits: alone if the remote allows that, else with all of its
        branches and tags. Raises SetupError if it cannot get them."""
        if self._has(commits):
            self._setup.say(f"{self.url} is here already with {_listed(commits)}")
            return
        with self._locked():
            if self._has(commits):  # another attempt fetched it meanwhile
                return
            self._create()
            self._setup.say(f"Fetching {_listed(commits)} from {self.url}")
            self._clear_leftovers()
            if not self._fetch_exactly(commits):
                everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
                self._access(self._fetch("--prune", refspecs=everything))
        if not self._has(commits):
            raise SetupError(
                f"The repository {self.url} does not have {_listed(commits)}. It was probably"
                " never pushed, or a forced push took it away: push it again, or capture the code"
                " anew."
            )

    def resolve(self, commit: str) -> str:
        """The whole name of a commit in the mirror."""
        name = f"{commit}^{{commit}}"
        answer = self._git.ask("rev-parse", "--verify", "--quiet", name, git_dir=self.path)
        return answer.expect(f"{commit} is not one commit of {self.url}.").strip()

    def _has(self, commits: Sequence[str]) -> bool:
        if not self.path.exists():
            return False
        names = (f"{commit}^{{commit}}" for commit in commits)
        return self._git.ask("rev-list", "--no-walk", "--quiet", *names, git_dir=self.path).is_ok

    def _fetch_exactly(self, commits: Sequence[str]) -> bool:
        if not all(map(_WHOLE_NAME.fullmatch, commits)):
            return False
        # With a ref, so that the next fetch can announce what is here already.
        refspecs = [f"+{commit}:refs/elsewhere/{commit}" for commit in commits]
        return self._fetch(refspecs=refspecs).is_ok and self._has(commits)

    def _fetch(self, *options: str, refspecs: Sequence[str]) -> Answer:
        fixed = ("--quiet", "--no-tags", "--no-write-fetch-head")
        return self._talk("fetch", *fixed, *options, "--", self.url, *refspecs)

    def _talk(self, *arguments: str) -> Answer:
        return self._git.ask(*arguments, git_dir=self.path, url=self.url)

    def _access(self, answer: Answer) -> str:
        why = self._git.policy.credentials.explained(self.url, answer.words)
        return answer.expect(
            f"The repository {self.url} cannot be read from this machine. {why} git said:"
        )

    def _create(self) -> None:
        if self.path.exists():
            return
        beside = self.path.with_suffix(".new")
        self._git.ask(
            "init", "--quiet", "--bare", "--template=", str(beside), git_dir=beside
        ).expect(f"The mirror of {self.url} cannot be made in {self.path.parent}.")
        (beside / "description").write_text(f"{self.url}\n")
        beside.rename(self.path)

    def _clear_leftovers(self) -> None:
        """Removes the files of a killed git: its locks would make every later fetch fail."""
        for pattern in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*"):
            for leftover in self.path.glob(pattern):
                leftover.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self.path.parent)
        with self.path.with_suffix(".lock").open("w") as lock:
            is_reported = False
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not is_reported:
                        self._setup.say(f"Waiting for another task that fetches {self.url}")
                    is_reported = True
                    self._setup.check_stop()
                    time.sleep(_LOOK_S)
            yield


def mirrors(home: Home) -> list[Path]:
    """Returns the mirrors of this machine."""
    return sorted(path for path in home.mirrors.glob("*") if _DIGEST.fullmatch(path.name))


def url_of(mirror: Path) -> str:
    """The URL of the mirror's remote."""
    try:
        return (mirror / "description").read_text(encoding="utf-8").strip()
    except OSError:
        return "unknown"


def used_at(mirror: Path) -> float:
    """When the mirror was used last, in seconds of this machine's clock."""
    marker = mirror.with_suffix(_USED)
    return (marker if marker.exists() else mirror).stat().st_mtime


def is_in_use(mirror: Path) -> bool:
    """True while a run borrows from the mirror."""
    return locks.is_in_use(mirror.with_suffix(_USED))


def remove(mirror: Path) -> bool:
    """Removes the mirror. False, and nothing is removed, while a run borrows from it."""
    with locks.alone(mirror.with_suffix(_USED)) as is_alone:
        if is_alone:
            gone = mirror.with_suffix(".gone")
            shutil.rmtree(gone, ignore_errors=True)  # which a killed removal has left
            with suppress(FileNotFoundError):
                mirror.rename(gone)  # first: half of it is nothing
            shutil.rmtree(gone, ignore_errors=True)
        return is_alone


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition("\t")


def _listed(commits: Sequence[str]) -> str:
    return f"commit {', '.join(commit[:12] for commit in commits)}"
