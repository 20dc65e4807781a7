"""What a machine keeps for later runs, each kind within a budget of bytes: environments, mirrors of
repositories, data of tasks, folders of runs whose results are in the store, and checkpoints."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.folders import Home, RunFolder
from elsewhere_sandbox import data, environments, mirror
from elsewhere_sandbox.alone import remove

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENVIRONMENTS: Final = "environments"
MIRRORS: Final = "mirrors"
DATA: Final = "data"
RUNS: Final = "runs"
CHECKPOINTS: Final = "checkpoints"
KINDS: Final = (ENVIRONMENTS, MIRRORS, DATA, RUNS, CHECKPOINTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One thing of a `kind` that is kept. `what` names it for people; `used_at` is a time of this
    machine's clock, in seconds. What is in use is never removed."""

    kind: str
    path: Path
    what: str
    size_bytes: int
    used_at: float
    is_in_use: bool

    def remove(self) -> bool:
        """Removes it, if it is not in use by now."""
        if self.kind in (ENVIRONMENTS, DATA):
            return remove(self.path)
        if self.kind == MIRRORS:
            return mirror.remove(self.path)
        folder = RunFolder(self.path)
        if self.kind == CHECKPOINTS:
            if _runs_now(self.path):
                return False
            shutil.rmtree(self.path, ignore_errors=True)
            return True
        if _is_needed(folder):
            return False
        folder.remove()
        return True


def kept(home: Home) -> list[Kept]:
    """Returns what is kept, by kind and, in each, that which was used last first."""
    found = (*_environments(home), *_mirrors(home), *_data(home), *_runs(home), *_checkpoints(home))
    return sorted(found, key=lambda one: (KINDS.index(one.kind), -one.used_at))


def collect(home: Home, budgets: Mapping[str, int]) -> list[Kept]:
    """Removes of each kind in `budgets` what was not used for longest, until the rest has at most
    so many bytes. Returns what was removed."""
    removed = []
    left_bytes = dict(budgets)
    for one in kept(home):
        if one.kind not in left_bytes:
            continue
        left_bytes[one.kind] -= one.size_bytes
        is_beyond = left_bytes[one.kind] < 0 or not budgets[one.kind]
        if is_beyond and one.remove():
            removed.append(one)
            left_bytes[one.kind] += one.size_bytes
    return removed


def make_room(home: Home, missing_bytes: int) -> list[Kept]:
    """Removes what was not used for longest, of all kinds, until so many bytes are free."""
    removed = []
    for one in sorted(kept(home), key=lambda one: one.used_at):
        if missing_bytes <= 0:
            break
        if one.remove():
            removed.append(one)
            missing_bytes -= one.size_bytes
    return removed


def _environments(home: Home) -> Iterator[Kept]:
    for one in environments.environments(home):
        yield Kept(
            kind=ENVIRONMENTS,
            path=one.path,
            what=f"Python {one.python}: {', '.join(one.requirements) or 'no packages'}",
            size_bytes=one.size_bytes,
            used_at=one.used_at,
            is_in_use=one.is_in_use,
        )


def _mirrors(home: Home) -> Iterator[Kept]:
    for path in mirror.mirrors(home):
        yield Kept(
            kind=MIRRORS,
            path=path,
            what=mirror.url_of(path),
            size_bytes=_size(path),
            used_at=mirror.used_at(path),
            is_in_use=mirror.is_in_use(path),
        )


def _data(home: Home) -> Iterator[Kept]:
    for one in data.kept_data(home):
        yield Kept(
            kind=DATA,
            path=one.path,
            what=one.name,
            size_bytes=one.size_bytes,
            used_at=one.used_at,
            is_in_use=one.is_in_use,
        )


def _runs(home: Home) -> Iterator[Kept]:
    for folder in RunFolder.all_in(home.runs):
        with suppress(FileNotFoundError):  # it was removed meanwhile
            marker = folder.acked if folder.acked.exists() else folder.path
            yield Kept(
                kind=RUNS,
                path=folder.path,
                what=f"task {folder.task_id}, attempt {folder.attempt}",
                size_bytes=_size(folder.path),
                used_at=marker.stat().st_mtime,
                is_in_use=_is_needed(folder),
            )


def _checkpoints(home: Home) -> Iterator[Kept]:
    for path in home.checkpoints.glob("*"):
        with suppress(FileNotFoundError):
            yield Kept(
                kind=CHECKPOINTS,
                path=path,
                what=f"task {path.name}",
                size_bytes=_size(path),
                used_at=path.stat().st_mtime,
                is_in_use=_runs_now(path),
            )


def _runs_now(checkpoints: Path) -> bool:
    """True while an attempt of the task with these checkpoints goes on."""
    runs = Home(checkpoints.parents[1]).runs
    return any(not one.acked.exists() for one in RunFolder.all_of(checkpoints.name, runs))


def _is_needed(folder: RunFolder) -> bool:
    """True for a run that goes on, and for one with the only copies of files."""
    return not folder.acked.exists() or (folder.waiting.is_dir() and any(folder.waiting.iterdir()))


def _size(top: Path) -> int:
    total = 0
    for parent, _, names in os.walk(top):
        for name in names:
            with suppress(OSError):
                total += Path(parent, name).lstat().st_size
    return total
