"""Files on the disks of other machines, which the agents there send through Redis."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.artifacts.places import quoted, upload_at
from elsewhere.artifacts.transfer import (
    AbsentError,
    ChangedError,
    CutError,
    Known,
    Transfer,
    reachable,
)
from elsewhere.core.codec import decode, encode
from elsewhere.core.errors import NotFoundError, RecordError, StorageError
from elsewhere.core.events import Sample
from elsewhere.core.frozen import dataclass
from elsewhere.core.wording import size
from elsewhere.storage import resumed
from elsewhere.storage.progress import DISPLAY
from elsewhere.store.model_records import model_of
from elsewhere.store.relay import ARTIFACT, FILE, LISTING, MODEL, PART_BYTES, Answer, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedRandom

    from elsewhere.core.kept import HistoryEvent
    from elsewhere.core.records import Artifact, ModelRecord
    from elsewhere.store.api import TaskStore

#: times that a file is read which changes meanwhile
_PASSES: Final = 5
#: files of a run that are listed at most
_MOST_FILES: Final = 100_000
#: errors of a full disk
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class FarFile:
    """A file of a task on `machine`, which an agent there sends: first `worker`, or by default the
    one that ran the task last, is asked. `called` is how sentences name the file."""

    store: TaskStore = field(repr=False)
    wanted: Wanted
    called: str
    machine: str = ""
    task_id: str = ""
    worker: str = ""

    def bring(self, target: Path, check: Callable[[Path], None] | None = None) -> None:
        """Brings the file to `target`, whole or not at all, and goes on with what an earlier call
        brought. `check` raises for a file that must not be at the target. Raises StorageError."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with resumed(target, _stays) as file:
                self._fill(file, target)
                if check is not None:
                    check(Path(file.name))
        except OSError as error:
            is_full = error.errno in _FULL
            advice = "Make room there: the same call goes on where it stopped."
            raise StorageError(
                f"{self.called} cannot be written to {target}: {error.strerror or error}."
                f" {advice if is_full else 'May this user write there?'}"
            ) from error

    def is_same(self, path: Path) -> bool:
        """Whether the file `path` has the same bytes, of which none are sent. Raises StorageError,
        and OSError for `path`."""
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            try:
                for _, answer, _ in self._parts(partial(_digest_at, file.fileno())):
                    if not answer.is_known or answer.size_bytes != length:
                        return False
            except ChangedError:
                return False
        return True

    def _fill(self, file: BufferedRandom, target: Path) -> None:
        known, length = partial(_digest_at, file.fileno()), 0
        with DISPLAY.moving(f"Fetching {target.name}") as row:
            for _ in range(_PASSES):
                try:
                    for offset, answer, data in self._parts(known):
                        length = answer.size_bytes
                        if offset == 0:
                            _check_room(file, length, target)
                        _write(file, offset, data)
                        row.reach(min(offset + PART_BYTES, length), length)
                except ChangedError:
                    continue
                file.truncate(length)
                return
        raise StorageError(
            f"{self.called} changes all the time while it is read: it is being written. Try again"
            " later."
        )

    def _parts(self, known: Known) -> Iterator[tuple[int, Answer, bytes]]:
        """Yields offset, answer and bytes of each part of one version of the file."""
        store, agents = reachable(self.store, self.machine, self.task_id, self.worker)
        refusals: list[AbsentError] = []
        for agent in agents:
            try:
                yield from Transfer(store, agent, self.wanted, self.called, known).parts()
            except AbsentError as error:  # another one on the machine may have it
                refusals.append(error)
            else:
                return
        raise refusals[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """What an attempt has written below its code folder, which is `folder` on its machine: path to
    bytes and version. `more` files are not among them."""

    folder: str
    files: dict[str, tuple[int, str]]
    more: int = 0


def of_artifact(store: TaskStore, task_id: str, artifact: Artifact) -> FarFile:
    """The file of an artifact of the task, on another machine."""
    return FarFile(
        store=store,
        wanted=Wanted(kind=ARTIFACT, task=task_id, name=artifact.name),
        called=f"The artifact {artifact.name!r}",
        machine=artifact.machine,
        task_id=task_id,
    )


def of_model(store: TaskStore, model: ModelRecord) -> FarFile:
    """The weights of a model, on another machine."""
    return FarFile(
        store=store,
        wanted=Wanted(kind=MODEL, name=model.id),
        called=f"The model {model.name!r} ({model.id})",
        machine=model.machine,
        task_id=model.task,
    )


def of_item(store: TaskStore, holder: str, item: HistoryEvent) -> FarFile:
    """The file of a sample, or of another item with a history, on another machine; the `holder` is
    a task, or the reports of a model that one has made."""
    name, model_id = encode((item.title, item.series, item.iteration)), model_of(holder)
    return FarFile(
        store=store,
        wanted=Wanted(kind=item.word, task=holder, name=name),
        called=f"The {item.word} {item.name!r} at {item.iteration}",
        machine=item.bytes_at[1],
        task_id=store.model(model_id).task if model_id else holder,
    )


def of_run(store: TaskStore, task_id: str, attempt: int, path: str, worker: str) -> FarFile:
    """The file that an attempt wrote at `path` below its code folder, on the machine of the agent
    `worker`."""
    return FarFile(
        store=store,
        wanted=Wanted(kind=FILE, task=task_id, attempt=attempt, name=path),
        called=f"The file {path!r}",
        task_id=task_id,
        worker=worker,
    )


def at_url(store: TaskStore, url: str) -> tuple[Artifact | ModelRecord | Sample, FarFile] | None:
    """The artifact, model or sample whose upload is at `url`, on another machine; None without
    one."""
    at = upload_at(url)
    if at is None:
        return None
    task_id, kind, name = at
    if kind == MODEL:
        with suppress(NotFoundError):
            model = store.model(name)
            if model.url == url:
                return model, of_model(store, model)
    if kind == Sample.word:
        series = [(one.title, one.series) for one in store.histories(task_id, Sample)]
        for names in [one for one in series if quoted("/".join(one)) == name]:
            for item in store.history(task_id, Sample, *names):
                if item.url == url:
                    return item, of_item(store, task_id, item)
        return None
    for artifact in store.artifacts(task_id).values():
        if artifact.url == url:
            return artifact, of_artifact(store, task_id, artifact)
    return None


def run_files(store: TaskStore, task_id: str, attempt: int, worker: str) -> RunFiles:
    """The files that an attempt has written until now, from the agent `worker`. Raises
    StorageError."""
    wanted, called = Wanted(kind=LISTING, task=task_id, attempt=attempt), "The list of files"
    found, agents = reachable(store, "", task_id, worker)
    files: dict[str, tuple[int, str]] = {}
    read = 0
    while True:
        answer, data = Transfer(found, agents[0], wanted, called, lambda _: "").one(read)
        try:
            rows = decode(list, data)
            files |= {str(path): (int(count), str(version)) for path, count, version in rows}
        except (RecordError, TypeError, ValueError) as error:
            raise StorageError(f"The list of files is damaged: {error}. Try again.") from error
        read += len(rows)
        if not rows or read >= min(answer.size_bytes, _MOST_FILES):
            more = max(0, answer.size_bytes - read)
            return RunFiles(folder=answer.folder, files=files, more=more)


def _stays(error: BaseException) -> bool:
    """Whether what has arrived is kept for a next call: not where the file cannot be had."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return isinstance(error, CutError) or not isinstance(error, Exception)


def _check_room(file: BufferedRandom, size_bytes: int, target: Path) -> None:
    """Raises StorageError for a file that does not fit the disk, before that is full."""
    missing = size_bytes - os.fstat(file.fileno()).st_size
    free = shutil.disk_usage(target.parent).free
    if missing > free:
        raise StorageError(
            f"There is no room for {target}: it takes {size(missing)} more, and the disk has"
            f" {size(free)}. Make room there, or choose another folder."
        )


def _write(file: BufferedRandom, offset: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        done = os.pwrite(file.fileno(), left, offset)
        left, offset = left[done:], offset + done


def _digest_at(descriptor: int, offset: int) -> str:
    data = os.pread(descriptor, PART_BYTES, offset)
    # An empty file has a first part, too.
    return hashlib.sha256(data).hexdigest() if data or not offset else ""
