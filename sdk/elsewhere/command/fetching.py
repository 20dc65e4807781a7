"""`elsewhere fetch`: brings what a task made to a folder here, from wherever it lies.

<DIR>/artifacts/<name>/<file>
<DIR>/models/<name>/<file>
<DIR>/files/<path below the code folder of the run>
"""

from __future__ import annotations

import filecmp
import os
import socket
import stat
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from elsewhere.artifacts.far import FarFile, of_artifact, of_run, run_files
from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.artifacts.places import file_name, quoted
from elsewhere.command.arguments import add_id
from elsewhere.command.naming import find_task, title
from elsewhere.command.printing import clean, say
from elsewhere.command.program import sentence_of
from elsewhere.core.errors import (
    ElsewhereError,
    NotFoundError,
    StorageError,
    UsageError,
    known_choices,
)
from elsewhere.core.events import FilesWritten
from elsewhere.core.folders import named_path
from elsewhere.core.frozen import dataclass
from elsewhere.core.wording import size
from elsewhere.models.local_weights import LocalWeights
from elsewhere.storage import beside, copy_file
from elsewhere.store.relay import version_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from elsewhere.store.redis.store import RedisStore

#: names in the sentence about a pattern that fits none
_NAMED: Final = 20
#: bytes of a part of a path
_PART_BYTES: Final = 200


class _Source(Protocol):
    """The bytes of an item. Both raise StorageError and OSError."""

    def copy_to(self, target: Path) -> None: ...

    def is_same(self, path: Path) -> bool: ...


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that the task made: its `path` is relative to DIR."""

    name: str
    path: str
    size_bytes: int
    source: _Source

    def fits(self, pattern: str) -> bool:
        """Whether a shell pattern fits the name, the path, or the last part of that."""
        words = (self.name, self.path, self.path.rpartition("/")[2])
        return any(fnmatchcase(word, pattern) for word in words)


@dataclass(frozen=True, slots=True)
class _RunFile:
    """A file of a run, at `path` if it is on a disk of this machine; `version` is empty if only
    the machine's name tells that."""

    far: FarFile
    path: Path
    version: str
    is_named_here: bool

    def copy_to(self, target: Path) -> None:
        if not self._is_here():
            self.far.bring(target)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with beside(target) as fresh:
            copy_file(self.path, fresh)

    def is_same(self, path: Path) -> bool:
        if self._is_here():
            return filecmp.cmp(self.path, path, shallow=False)
        return self.far.is_same(path)

    def _is_here(self) -> bool:
        try:
            found = self.path.lstat()
        except (OSError, ValueError):
            return False
        is_it = version_of(found) == self.version if self.version else self.is_named_here
        return is_it and stat.S_ISREG(found.st_mode)


def add_options(parser: ArgumentParser) -> None:
    add_id(parser)
    parser.add_argument(
        "pattern",
        nargs="*",
        metavar="PATTERN",
        help="only what a shell pattern fits: its name, or its path as listed (default: all)",
    )
    parser.add_argument("--to", metavar="DIR", help="the folder (default: list what there is)")
    add_force(parser)
    parser.add_argument(
        "--attempt", type=int, metavar="N", help="files of this attempt (default: the newest one)"
    )


def add_force(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--force", action="store_true", help="replace files there that have other content"
    )


def run(store: RedisStore, given: Namespace) -> int:
    """Brings the items that fit the patterns, or lists them; 1 if one of them cannot be brought."""
    task_id = find_task(store, given.id)
    root = checked_folder(given.to, "--to")
    listed, problem = _items(store, given, task_id)
    items = _fitting(listed, given.pattern, title(store, task_id), problem)
    if problem:
        say(problem)
    if root is None:
        print_list(items, "--to")
        return int(bool(problem) and not items)
    code = int(bool(problem) and not given.pattern)
    return bring_all(items, root, is_forced=given.force) or code


def bring_all(items: Sequence[Item], root: Path, *, is_forced: bool) -> int:
    """Brings `items` below the folder `root`; files there with other content are replaced if that
    `is_forced`. Returns 1 if one of them cannot be brought."""
    code = 0
    for item in items:
        try:
            how = _bring(item, root, is_forced=is_forced)
        except KeyboardInterrupt:
            say("It is stopped. The same command goes on with what has arrived.")
            raise
        except (ElsewhereError, OSError) as error:
            say(f"{item.path}: {sentence_of(error)}")
            code = 1
        else:
            print(f"{clean(item.path)}  {size(item.size_bytes)}{how}", flush=True)
    return code


def checked_folder(given: str | None, option: str) -> Path | None:
    """The folder `given` by an `option`; None without it. Raises UsageError for a file."""
    if given is None:
        return None
    path = named_path(given).absolute()
    if path.exists() and not path.is_dir():
        raise UsageError(f"{option} {given} is not a folder: files are brought into one.")
    return path


def _items(store: RedisStore, given: Namespace, task_id: str) -> tuple[list[Item], str]:
    """All that the task made, and why the files of its run cannot be listed, if so."""
    items: list[Item] = []
    for name, artifact in store.artifacts(task_id).items():
        far = of_artifact(store, task_id, artifact)
        handle = ArtifactHandle(artifact, given.settings.home.cache, far=far)
        path = f"artifacts/{_inside(name)}/{_inside(file_name(artifact.url) or name)}"
        items.append(Item(name, path, artifact.size_bytes, handle))
    for use in store.task_models(task_id):
        if not use.is_output:
            continue
        try:
            model = store.model(use.model)
        except NotFoundError:  # it was removed
            continue
        weights = LocalWeights(model, given.settings.home.cache, store)
        path = f"models/{_inside(use.name)}/{_inside(file_name(model.url) or use.name)}"
        items.append(Item(use.name, path, model.size_bytes, weights))
    found, problem = _run_items(store, task_id, _attempt(store, task_id, given.attempt))
    return [*items, *found], problem


def _attempt(store: RedisStore, task_id: str, wanted: int | None) -> tuple[int, str]:
    """Number and worker of the attempt with the files; 0 without one."""
    attempts = {one.number: one.worker for one in store.attempts(task_id)}
    if wanted is None:
        number = store.state(task_id).attempt
        return number, attempts.get(number, "")
    if wanted not in attempts:
        known = known_choices(str(wanted), map(str, attempts))
        raise NotFoundError(f"Task {title(store, task_id)} has no attempt {wanted}. {known}")
    return wanted, attempts[wanted]


def _run_items(store: RedisStore, task_id: str, attempt: tuple[int, str]) -> tuple[list[Item], str]:
    number, worker = attempt
    if not worker or ":" in worker:  # it has not begun; or a script ran here, without an agent
        return [], ""
    noted: list[FilesWritten] = store.kept(task_id, FilesWritten)
    problem, is_named_here = "", False
    try:
        found = run_files(store, task_id, number, worker)
        folder, files = found.folder, found.files
        if found.more:
            problem = f"{found.more} more files are not listed."
    except StorageError as error:
        is_newest = number == store.state(task_id).attempt
        if not noted or not is_newest:
            return [], f"The files of attempt {number} cannot be listed. {error}"
        problem = f"The files of its run are those that it reported at its end. {error}"
        event = noted[-1]
        folder, is_named_here = event.folder, event.machine == socket.gethostname()
        files = {path: (count, "") for path, count in event.files.items()}
    return [
        Item(
            path,
            f"files/{_inside(path)}",
            count,
            _RunFile(
                of_run(store, task_id, number, path, worker),
                Path(folder, path),
                version,
                is_named_here,
            ),
        )
        for path, (count, version) in files.items()
    ], problem


def _fitting(items: Sequence[Item], patterns: Sequence[str], name: str, problem: str) -> list[Item]:
    """The items that fit one of the patterns, all without any. Raises NotFoundError for a pattern
    that fits none."""
    for pattern in patterns:
        if not any(item.fits(pattern) for item in items):
            names = sorted({item.name for item in items})
            known = known_choices(pattern, names[:_NAMED])
            known += f" And {len(names) - _NAMED} more." if len(names) > _NAMED else ""
            known += f" {problem}" if problem else ""
            raise NotFoundError(f"Task {name} has made nothing that {pattern!r} fits. {known}")
    if not items and not problem:
        say(f"Task {name} has made nothing yet.")
    return [item for item in items if not patterns or any(map(item.fits, patterns))]


def print_list(items: Sequence[Item], option: str) -> None:
    """Prints the paths and sizes of `items`, and which `option` brings them."""
    width = max((len(clean(item.path)) for item in items), default=0)
    for item in items:
        print(f"{clean(item.path):{width}}  {size(item.size_bytes)}")
    if items:
        total = size(sum(item.size_bytes for item in items))
        say(f"{len(items)} files, {total}. {option} DIR brings them.")


def _bring(item: Item, root: Path, *, is_forced: bool) -> str:
    """Brings an item below `root`. Returns what there is to note about it. Raises ElsewhereError
    and OSError."""
    target = root / item.path
    if not target.parent.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{target} is left alone: a link there leads out of {root}.")
    if target.exists():
        if item.source.is_same(target):
            return "  is there already"
        if not is_forced:
            raise UsageError(f"{target} is there with other content: --force replaces it.")
    item.source.copy_to(target)
    return ""


def _inside(path: str) -> str:
    """`path` as a relative path that leaves no folder, and whose parts file systems take."""
    return "/".join(map(as_part, path.split("/")))


def as_part(part: str) -> str:
    """The text `part` as a part of a path that file systems take."""
    try:
        length = len(os.fsencode(part))
    except UnicodeEncodeError:  # of a forged listing
        length = _PART_BYTES + 1
    is_plain = part.strip(".") and not {"/", "\0"} & set(part) and length <= _PART_BYTES
    return part if is_plain else quoted(part, longest=_PART_BYTES)
