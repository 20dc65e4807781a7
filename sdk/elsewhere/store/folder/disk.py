"""The files of a store that is a folder.

    <root>/
    ├── lock                        held during each operation, by whichever process
    ├── store.json                  identity, when each project was last used, the last sweep
    ├── models.json                 all models, and where each lies
    ├── blobs/<sha256>              compressed
    └── tasks/<id>/                 or model-<id>/: of the reports of a model, as those of a task
        ├── task.json               a `StoredTask`
        ├── points.<number>         a series: 24 bytes a point, as in curves.py
        ├── kept.<part>             the events of a History, one behind the other
        └── output.<attempt>.<n>    a block of output

A change is whole when `task.json` is there: it is written beside and renamed. What lies in the
other files behind the lengths that it names was left by a process that was killed, and is written
over, or, of a History, left out. Nothing is forced onto the disk: a journal is what a loss of power
must not take.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from elsewhere.core.clock import monotonic_s
from elsewhere.core.codec import encode
from elsewhere.core.errors import RecordError, StoreUnavailableError, UsageError
from elsewhere.core.events import cleared, kept_parts
from elsewhere.core.kept import OF_RECORD, Cleared, History, Recent, Tagged
from elsewhere.store.model_records import model_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: seconds that an operation waits for another one's end: each takes milliseconds
_LOCK_S: Final = 10.0
#: seconds between two looks whether the lock is free
_LOOK_S: Final = 0.002
#: what is used as the name of a folder
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Item(NamedTuple):
    """An item of a History: where its event lies in its file, and its bytes in storage. Items sort
    as their ranks do: see `redis/keys.py`."""

    rank: str
    iteration: str
    at: float
    start: int
    length: int
    url: str
    machine: str


@dataclass(slots=True, kw_only=True)
class StoredTask:
    """The data of a task in a store, as plain data; the record without its defaults."""

    record: dict[str, Any] = field(default_factory=dict)
    #: the fields that keys.py has in the hash of the state
    state: dict[str, Any] = field(default_factory=dict)
    #: attempt/file -> offset
    journal: dict[str, int] = field(default_factory=dict)
    #: attempt -> from, length, pending
    output: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: what keys.py has in keys of their own. Of the attempts: number -> Attempt; of the models:
    #: input/name or output/name -> time, model; of the scalars: title US series -> file, count,
    #: iteration, last, minimum, maximum; of a History: series -> iteration -> `Item`, in
    #: their order
    parts: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The task's status; empty for a task that is not there."""
        return str(self.state.get("status", ""))

    @property
    def attempt(self) -> int:
        return int(self.state.get("attempt", 0))

    @property
    def attempts(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.part("attempts")
        return found

    def part(self, name: str) -> Any:
        """Returns the part `name`, which may be a field of the record."""
        return self._holder(name).setdefault(name, _empty(name))

    def set_part(self, name: str, value: object) -> None:
        self._holder(name)[name] = value

    def _holder(self, part: str) -> dict[str, Any]:
        return self.record if part in OF_RECORD else self.parts

    def items(self, history: str) -> Iterator[Item]:
        """Yields all items of a part that is kept as a History."""
        return (Item(*one) for series in self.part(history).values() for one in series.values())

    def drop(self, items: Iterable[Item]) -> None:
        """Notes where the bytes of `items` lie, which are not named any more."""
        self.part("dropped").update({item.url: item.machine for item in items if item.url})

    def clear(self, when: Cleared) -> None:
        """Clears the data of events that is cleared at the time `when`."""
        parts, fields = cleared(when)
        for name in parts:
            if isinstance(kept_parts()[name], History):
                self.drop(self.items(name))
        self.parts = {name: one for name, one in self.parts.items() if name not in parts}
        self.state = {name: one for name, one in self.state.items() if name not in fields}


#: its fields that are the same in the file, beside which the parts stand
_OWN: Final = ("record", "state", "journal", "output")


def _empty(part: str) -> list[Any] | dict[str, Any]:
    return [] if isinstance(kept_parts().get(part), (Recent, Tagged)) else {}


class Disk:
    """The files of a store. Threads and processes may share them; call all inside `locked`."""

    def __init__(self, root: Path) -> None:
        """Makes the folder: only here, so that one which has gone stays so."""
        self._root = root
        self._tasks = root / "tasks"
        self._blobs = root / "blobs"
        with self._errors():
            root.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder's lock. Raises StoreUnavailableError when the disk fails inside."""
        with self._errors():
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self._root / "lock", flags, 0o600)
            try:
                self._lock(descriptor)
                yield
            finally:
                # A child that was forked meanwhile has the descriptor too: closing is not enough.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
                os.close(descriptor)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._root.exists():
                raise StoreUnavailableError(
                    f"There is no offline session in {self._root} any more: it is over, or was"
                    " deleted. Import what it was zipped to first."
                ) from error
            raise StoreUnavailableError(
                f"The offline session in {self._root} cannot be used: {error}. Is there room on"
                " that disk, and may this user write there?"
            ) from error

    def _lock(self, descriptor: int) -> None:
        until = monotonic_s() + _LOCK_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if monotonic_s() > until:
                    raise StoreUnavailableError(
                        f"The offline session in {self._root} is held by another process for more"
                        f" than {_LOCK_S:.0f} s: is that one stopped?"
                    ) from None
                time.sleep(_LOOK_S)

    # the whole

    def about(self) -> dict[str, Any]:
        """Returns the store's data beside tasks and models."""
        about: dict[str, Any] = _read(self._root / "store.json") or {}
        return about

    def write_about(self, about: dict[str, Any]) -> None:
        _write(self._root / "store.json", about)

    def models(self) -> dict[str, dict[str, Any]]:
        """Returns `models`, id to fields, and `places`, the place of the weights to the id."""
        return {"models": {}, "places": {}, **(_read(self._root / "models.json") or {})}

    def write_models(self, models: dict[str, dict[str, Any]]) -> None:
        _write(self._root / "models.json", models)

    # tasks

    def ids(self) -> list[str]:
        if not self._tasks.is_dir():
            return []
        names = [path.name for path in self._tasks.iterdir()]
        return sorted(name for name in names if _ID.fullmatch(name) and not model_of(name))

    def task(self, task_id: str) -> StoredTask:
        """Reads a task; an empty one where there is none. Raises RecordError."""
        plain = _read(self.file_of(task_id)) if _ID.fullmatch(task_id) else None
        if plain is None:
            return StoredTask()
        empties = {part: _empty(part) for part in ("attempts", "dropped", *kept_parts())}
        empties |= {name: {} for name in _OWN}
        is_whole = isinstance(plain, dict) and all(
            isinstance(plain.get(name, empty), type(empty)) for name, empty in empties.items()
        )
        if not is_whole or "status" not in plain.get("state", {}):
            raise RecordError(f"The file {self.file_of(task_id)} is damaged: it is no task.")
        own = {name: plain.pop(name) for name in _OWN if name in plain}
        return StoredTask(**own, parts=plain)

    def write_task(self, task_id: str, task: StoredTask) -> None:
        if not _ID.fullmatch(task_id):
            raise UsageError(f"A task cannot have the id {task_id!r:.80}.")
        file = self.file_of(task_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, {name: getattr(task, name) for name in _OWN} | task.parts)

    def remove_task(self, task_id: str) -> None:
        """Removes a task as a whole, whenever this process is killed."""
        gone = self._tasks / f".{task_id}.{os.urandom(4).hex()}"
        self.file_of(task_id).parent.rename(gone)
        shutil.rmtree(gone)

    def remove_files(self, task_id: str, *patterns: str) -> None:
        """Removes files that match `patterns`, which no `task.json` names any more."""
        for pattern in patterns:
            for path in self.file_of(task_id).parent.glob(pattern):
                path.unlink()

    def file_of(self, task_id: str) -> Path:
        return self._tasks / task_id / "task.json"

    # what is long

    def points(self, task_id: str, number: int) -> Path:
        return self.file_of(task_id).with_name(f"points.{number}")

    def kept(self, task_id: str, part: str) -> Path:
        return self.file_of(task_id).with_name(f"kept.{part}")

    def block(self, task_id: str, attempt: int, number: int) -> Path:
        return self.file_of(task_id).with_name(f"output.{attempt}.{number}")

    def blob(self, digest: str) -> Path:
        return self._blobs / (digest if _ID.fullmatch(digest) else "-")

    @staticmethod
    def read(path: Path, start: int, length: int) -> bytes:
        """Reads `length` bytes from `start` on, or as many as there are."""
        try:
            with path.open("rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            return b""

    @staticmethod
    def write(path: Path, start: int, data: bytes) -> None:
        """Cuts the file after `start` bytes and writes `data` there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.truncate(start)
            file.seek(start)
            file.write(data)

    @staticmethod
    def append(path: Path, data: bytes) -> int:
        """Appends `data` and returns where it begins."""
        start = path.stat().st_size if path.exists() else 0
        Disk.write(path, start, data)
        return start

    @staticmethod
    def write_whole(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}")
        beside.write_bytes(data)
        beside.rename(path)


def _read(path: Path) -> Any:
    """Reads a JSON file; None where there is none."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"The file {path} is damaged: {error}.") from error


def _write(path: Path, value: object) -> None:
    Disk.write_whole(path, encode(value).encode(errors="backslashreplace"))
