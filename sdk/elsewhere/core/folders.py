"""The paths on disk: the home of a user's Elsewhere, and the folder of one attempt.

<home>/                      ELSEWHERE_HOME, ~/.elsewhere by default
├── config.toml              settings of this machine's user
├── known_hosts              ssh keys of git hosts, beside those of ~/.ssh and /etc/ssh
├── runs/<task>.<attempt>/   run folders of tasks that this machine's agent runs
├── sessions/<task>.<attempt>/   the same for scripts that people start here
├── offline/<task>/          sessions of scripts that run offline; <task>.zip when they are over
├── checkpoints/<task>/      what a task keeps for its next attempt on this machine
├── mirrors/                 one bare repository per remote
├── environments/            one immutable environment per digest
├── lent/                    links to the agent's own SDK, which programs import
├── storage/                 artifacts, where no other place is configured
├── cache/                   local copies of artifacts
├── last/                    the last task of each script
├── launches/                what rank 0 of a launch leaves for the other ranks
├── agents/<name>/           lock, log and state of an agent
└── server/                  the embedded server

<run folder>/            written by
├── owner.json               agent: its name: whose run this is
├── number                   who delivers: the attempt's number, where the store has lost its first
├── spec.json                agent: the task record, the attempt, what the runner needs
├── secrets.json             agent: secrets for the runner, which deletes them when it has read them
├── secret_files/<name>      runner: secrets that the program reads from files, until its end
├── inputs/<digest>          agent: patch and bundle
├── store.json               agent: the store's URL, if the program may know it (0600)
├── launched                 agent: just before the fork; at most one launch per attempt
├── stop                     agent, command, SDK: the request to stop (`notes.Stop`)
├── .<note>.reserve          agent: bytes for `stop` and `exit.json`, if the disk is full by then
├── acked                    agent: all is in the store; the folder may be removed
├── runner.json              runner: its process identity
├── engine.json              runner: where the engine of its containers is
├── begun                    runner: just before the program: what is younger below code/ is its own
├── child.json               runner: the program's process identity
├── abort.json               the program's SDK: it has an abort callback (`notes.AbortNote`)
├── monitor.json             the program's SDK: how resources are monitored (`notes.MonitorNote`)
├── aborted                  the program's SDK: the callback has been called
├── output.log               runner: all that the program and its set-up printed
├── runner.log               runner: its own log
├── exit.json                runner: the outcome
├── home/                    the HOME of programs in a container
├── journal/                 every process of the attempt: events
├── files/                   the program's SDK: artifacts that the agent shall upload
├── waiting/                 agent: those that it could not upload yet, and why
├── placed/                  who delivers: where those lie that were uploaded and removed
├── configurations/          the program's SDK: files with the task's configuration objects
├── requirements.txt         runner: the installer's input (editable.txt likewise)
├── code/                    runner: the checkout; after the end only what the program wrote there
└── venv/                    runner: the run's own layer over the shared environment
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from elsewhere.core.codec import encode, from_plain
from elsewhere.core.errors import RecordError, UsageError
from elsewhere.core.frozen import dataclass

T = TypeVar("T")

#: bytes of a path and of each of its parts at most, as Linux has it
_PATH_BYTES: Final = 4095
_PART_BYTES: Final = 255


def named_path(given: object) -> Path:
    """The path that a user has `given`; `~` is the home, where there is such a user.

    Raises UsageError for what cannot be a path: pathlib would raise at each use of it.
    """
    if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
        raise UsageError(f"The path of a file or a folder is needed, not {given!r:.80}.")
    path = Path(os.path.expanduser(os.fsdecode(given)))  # noqa: PTH111 - that raises RuntimeError
    sizes = [len(part.encode("utf-8", "surrogatepass")) for part in (str(path), *path.parts)]
    if "\0" in str(path) or sizes[0] > _PATH_BYTES or max(sizes[1:], default=0) > _PART_BYTES:
        raise UsageError(
            f"{str(path)!r:.80} is not a path: one has no zero bytes, {_PART_BYTES} bytes at most"
            f" between its slashes and {_PATH_BYTES} in all. Give the path of a file or a folder."
        )
    return path


def make_folder(path: Path) -> None:
    """Makes the folder `path` and all above it that are missing, closed to other users: the home
    may have been there before, open. May be called twice. Raises OSError."""
    for folder in reversed((path, *path.parents)):
        if not folder.is_dir():
            folder.mkdir(exist_ok=True, mode=0o700)


#: the variable by which a run's processes find what its task keeps for its next attempt
CHECKPOINTS: Final = "ELSEWHERE_CHECKPOINTS"
#: ends the name of a folder that is being removed
_GONE: Final = ".gone"


class _At:
    """An attribute of `Home` or `RunFolder`: the path of `name` in the folder."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, folder: Home | RunFolder, _kind: object) -> Path:
        return folder.path / self._name


@dataclass(frozen=True, slots=True)
class Home:
    """The folder that holds all of one user's Elsewhere on one machine."""

    path: Path

    config = _At("config.toml")
    known_hosts = _At("known_hosts")
    runs = _At("runs")
    sessions = _At("sessions")
    offline = _At("offline")
    checkpoints = _At("checkpoints")
    data = _At("data")
    mirrors = _At("mirrors")
    environments = _At("environments")
    lent = _At("lent")
    storage = _At("storage")
    cache = _At("cache")
    last = _At("last")
    launches = _At("launches")
    agents = _At("agents")
    server = _At("server")

    def ensure(self) -> Home:
        """Makes the folder, closed to other users. So is the place of artifacts in it, whose files
        have the modes that they would have anywhere."""
        make_folder(self.path)
        with suppress(FileExistsError):  # a link to a disk that is not mounted now
            make_folder(self.storage)
        return self

    def run(self, task_id: str, attempt: int) -> RunFolder:
        return RunFolder(self.runs / f"{task_id}.{attempt}")

    def session(self, task_id: str, attempt: int) -> RunFolder:
        return RunFolder(self.sessions / f"{task_id}.{attempt}")

    def run_of(self, task_id: str, attempt: int) -> RunFolder:
        """The run folder of the attempt that the store knows by this number."""
        found = (one for one in RunFolder.all_of(task_id, self.runs) if one.attempt == attempt)
        return next(found, self.run(task_id, attempt))

    def highest_attempt(self, task_id: str) -> int:
        """The highest number of an attempt of the task that has a folder here, 0 without one: a
        store that has lost data may give it out again."""
        folders = (RunFolder.all_of(task_id, parent) for parent in (self.runs, self.sessions))
        return max((folder.attempt for one in folders for folder in one), default=0)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Every path of one attempt."""

    path: Path

    owner = _At("owner.json")
    renumbered = _At("number")
    spec = _At("spec.json")
    secrets = _At("secrets.json")
    secret_files = _At("secret_files")
    inputs = _At("inputs")
    store = _At("store.json")
    launched = _At("launched")
    stop = _At("stop")
    acked = _At("acked")
    runner = _At("runner.json")
    engine = _At("engine.json")
    begun = _At("begun")
    child = _At("child.json")
    abort = _At("abort.json")
    aborted = _At("aborted")
    monitor = _At("monitor.json")
    output = _At("output.log")
    runner_log = _At("runner.log")
    exit = _At("exit.json")
    journal = _At("journal")
    files = _At("files")
    waiting = _At("waiting")
    placed = _At("placed")
    configurations = _At("configurations")
    code = _At("code")
    venv = _At("venv")

    @classmethod
    def all_in(cls, parent: Path) -> list[RunFolder]:
        """The run folders in `parent`, by name; all else in it is ignored."""
        if not parent.is_dir():
            return []
        return [
            cls(path)
            for path in sorted(parent.iterdir())
            if path.suffix[1:].isdigit() and path.is_dir()
        ]

    @classmethod
    def all_of(cls, task_id: str, parent: Path) -> list[RunFolder]:
        """The run folders of one task in `parent`."""
        return [folder for folder in cls.all_in(parent) if folder.task_id == task_id]

    def create(self) -> RunFolder:
        """Makes the folder and those that several processes write into. May be called twice."""
        make_folder(self.journal)
        make_folder(self.files)
        return self

    def remove(self) -> None:
        """Removes the folder as far as permissions allow. It is renamed first: what a kill leaves
        of it is not taken for a run, and goes with `sweep`."""
        gone = self.path.with_name(f"{self.path.name}{_GONE}")
        with suppress(OSError):
            self.path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    @staticmethod
    def sweep(parent: Path) -> None:
        """Removes from `parent` what a killed `remove` has left."""
        for path in parent.glob(f"*{_GONE}"):
            shutil.rmtree(path, ignore_errors=True)

    @property
    def task_id(self) -> str:
        return self.path.stem

    @property
    def attempt(self) -> int:
        """The number by which the store knows the attempt: that of the folder's name, until a store
        which has lost it gives a higher one."""
        first = int(self.path.suffix[1:])
        try:
            later = read_json(self.renumbered)
        except (RecordError, OSError):  # the program may have written it
            return first
        return later if isinstance(later, int) and later > first else first

    def renumber(self, attempt: int) -> None:
        """Notes the number that the store has given the attempt now. Raises OSError."""
        write_beside(self.renumbered, attempt)


def write_beside(path: Path, value: object, *, mode: int = 0o600) -> None:
    """Writes `value` as JSON beside `path` and renames that: the file is whole or not there. On a
    full disk it takes the bytes that `reserve` keeps for it. Raises OSError."""
    data = encode(value).encode(errors="backslashreplace")
    beside = _beside(path)
    try:
        _write(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), data)
        beside.rename(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        if error.errno in _FULL and _write_reserved(path, data):
            return
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def reserve(path: Path, size_bytes: int) -> None:
    """Keeps `size_bytes` of the disk for the file `path`. May be called twice. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT
    # Not zeros: a file system that compresses would keep no bytes for them.
    _write(os.open(_reserve_of(path), flags, 0o600), os.urandom(size_bytes))


def release(path: Path) -> None:
    """Gives back the bytes that `reserve` keeps for the file `path`. Raises OSError."""
    _reserve_of(path).unlink(missing_ok=True)


def _reserve_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.reserve")


def _write_reserved(path: Path, data: bytes) -> bool:
    """Writes `data` into the bytes that are kept for `path`. False without enough of them."""
    beside = _beside(path)
    try:
        if _reserve_of(path).stat().st_size < len(data):
            return False
        _reserve_of(path).rename(beside)  # so that it is one process's alone
        _write(os.open(beside, os.O_WRONLY), data)
        beside.rename(path)
    except OSError:
        beside.unlink(missing_ok=True)
        return False
    return True


def _write(descriptor: int, data: bytes) -> None:
    """Writes `data` as the whole content of an open file, to the disk, and closes it."""
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}")


#: errors of a full disk
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def read_json(path: Path) -> Any:
    """The plain data that `write_beside` wrote; None where there is no file. Raises RecordError."""
    try:
        with open_plain(path) as file:
            return json.loads(file.read())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"The file {path} is damaged: {error}.") from error


def read_record(kind: type[T], path: Path) -> T | None:
    """The record of `kind` in the file `path`; None where there is no file. Raises RecordError."""
    plain = read_json(path)
    return None if plain is None else from_plain(kind, plain)


def open_plain(path: Path) -> BinaryIO:
    """Opens the file `path` for reading, at once: a program may have put a pipe in its place.

    Raises RecordError for what is not a plain file, FileNotFoundError, and OSError.
    """
    return os.fdopen(_plain(path, os.O_RDONLY), "rb")


def append_plain(path: Path) -> int:
    """A descriptor that appends to the file `path`, which is made if need be, closed to others.

    Raises RecordError for what is not a plain file, and OSError.
    """
    return _plain(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def _plain(path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _NOT_PLAIN:
            raise _not_plain(path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_plain(path)
    return descriptor


#: errors of opening a folder, a pipe that nobody reads or a socket, and links in a circle
_NOT_PLAIN: Final = (errno.EISDIR, errno.ENXIO, errno.ELOOP)


def _not_plain(path: Path) -> RecordError:
    return RecordError(f"The file {path} is damaged: it is not a file.")
