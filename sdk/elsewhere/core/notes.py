"""The records that processes leave for others in a run folder, each with its reader and writer.

spec.json    SessionSpec      the SDK of a script; an agent's has more in it, for its runner
store.json   Lent             the agent
runner.json  ProcessIdentity  the runner, or the SDK of a script
exit.json    Outcome          the runner, or the SDK of a script
stop         Stop             who asks for a stop: the command, the SDK, the agent
abort.json   AbortNote        the program's SDK, which has an abort callback
monitor.json MonitorNote      the program's SDK, where its script does not want what is usual

A program can write into its folder, so no reader trusts a file. RecordError stands for a damaged
spec, store or exit. A damaged runner.json or monitor.json counts as missing; so does, in the notes
about a stop, a value of a wrong type or out of range.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import RecordError
from elsewhere.core.folders import (
    read_json,
    read_record,
    release,
    reserve,
    write_beside,
)
from elsewhere.core.frozen import dataclass
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import Outcome, TaskRecord

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder

#: bytes of a stop, and of an outcome: its message may hold the last 64 KiB that a command printed
_STOP_BYTES: Final = 4096
_OUTCOME_BYTES: Final = 256 * 1024
#: the longest that a stop waits for a program's abort callback, in seconds
ABORT_CALLBACK_S: Final = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """The task that an attempt runs: its `record` as it was at the start, the identity of its
    `store`, the `worker` that claimed it, and the `output_uri` of the agent that runs it. A session
    names no `output_uri`; an agent's run names neither `store` nor `worker`, since `owner.json`
    does."""

    record: TaskRecord
    store: str = ""
    worker: str = ""
    output_uri: str = ""

    @classmethod
    def read(cls, folder: RunFolder) -> SessionSpec | None:
        """The spec in `folder`, or None without one. Raises RecordError."""
        return read_record(cls, folder.spec)

    def write(self, folder: RunFolder) -> None:
        """Leaves the spec in `folder`. Raises OSError."""
        write_beside(folder.spec, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """The `url` of the store, which the agent lends to the program."""

    url: str

    @classmethod
    def read(cls, folder: RunFolder) -> Lent | None:
        """The store that is lent in `folder`, or None. Raises RecordError."""
        return read_record(cls, folder.store)

    def write(self, folder: RunFolder) -> None:
        """Lends the store to the program of `folder`. Raises OSError."""
        write_beside(folder.store, self)


def read_runner(folder: RunFolder) -> ProcessIdentity | None:
    """The process that looks after the attempt of `folder`; None if no readable file names one."""
    try:
        return read_record(ProcessIdentity, folder.runner)
    except RecordError:
        return None


def write_runner(folder: RunFolder) -> None:
    """Names this process as the one that looks after the attempt of `folder`. Raises OSError."""
    write_beside(folder.runner, ProcessIdentity.of())


def read_outcome(folder: RunFolder) -> Outcome | None:
    """The outcome of the attempt of `folder`, or None before its end. Raises RecordError."""
    return read_record(Outcome, folder.exit)


def write_outcome(folder: RunFolder, outcome: Outcome) -> None:
    """Leaves the `outcome` of the attempt in `folder`. Raises OSError."""
    write_beside(folder.exit, outcome)


def reserve_notes(folder: RunFolder) -> None:
    """Keeps room for a stop and for the outcome in `folder`, however full the disk is by then.
    Raises OSError."""
    reserve(folder.stop, _STOP_BYTES)
    reserve(folder.exit, _OUTCOME_BYTES)


def release_notes(folder: RunFolder) -> None:
    """Gives back the room that `reserve_notes` keeps. Raises OSError."""
    release(folder.stop)
    release(folder.exit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A request to stop. `grace_s`: seconds between SIGTERM and SIGKILL; None for the agent's own.
    `keeps_reports`: reports until the program's end are kept, so its abort callback is called."""

    grace_s: float | None = None
    keeps_reports: bool = True

    @classmethod
    def read(cls, folder: RunFolder) -> Stop | None:
        """The stop that the note in `folder` asks for; a damaged note asks for one, too."""
        try:
            plain = read_json(folder.stop)
        except (OSError, RecordError):
            return cls(keeps_reports=False)
        if plain is None:
            return None
        written = plain if isinstance(plain, dict) else {}
        # Older agents wrote `is_heard`, and older commands the grace alone.
        keeps_reports = written.get("keeps_reports", written.get("is_heard")) is not False
        return cls(grace_s=_as_seconds(written.get("grace_s")), keeps_reports=keeps_reports)

    def write(self, folder: RunFolder) -> bool:
        """Leaves the note in `folder`. False where it changes nothing. Raises OSError.

        A later grace replaces an earlier one, but reports that are not kept never are again: a
        person may ask for a stop after the agent has given the attempt up.
        """
        before, wanted = Stop.read(folder), self
        if before is not None:
            grace_s = before.grace_s if self.grace_s is None else self.grace_s
            keeps_reports = before.keeps_reports and self.keeps_reports
            wanted = Stop(grace_s=grace_s, keeps_reports=keeps_reports)
        if wanted == before or not folder.path.is_dir():
            return False
        write_beside(folder.stop, wanted)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortNote:
    """The program has an abort callback, which may take `timeout_s` seconds before a stop."""

    timeout_s: float

    @classmethod
    def read(cls, folder: RunFolder) -> AbortNote | None:
        """The note in `folder`, with ABORT_CALLBACK_S at most; None without a usable one."""
        try:
            plain = read_json(folder.abort)
        except (OSError, RecordError):
            return None
        seconds = _as_seconds(plain.get("timeout_s")) if isinstance(plain, dict) else None
        return cls(timeout_s=min(seconds, ABORT_CALLBACK_S)) if seconds else None

    def write(self, folder: RunFolder) -> None:
        """Leaves the note in `folder`. Raises OSError."""
        write_beside(folder.abort, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorNote:
    """Whether resources are monitored, and whether memory `is_of_machine`: that of all processes in
    place of the task's."""

    is_on: bool = True
    is_of_machine: bool = False

    @classmethod
    def read(cls, folder: RunFolder) -> MonitorNote:
        """What the program of `folder` wants by now."""
        try:
            return read_record(cls, folder.monitor) or cls()
        except (OSError, RecordError):
            return cls()

    def write(self, folder: RunFolder) -> None:
        """Leaves the note in `folder`, for its runner. Raises OSError."""
        write_beside(folder.monitor, self)


def abort_callback_s(folder: RunFolder) -> float:
    """Seconds that the stop in `folder` waits for the abort callback; 0 with none to wait for."""
    stop = Stop.read(folder)
    note = AbortNote.read(folder) if stop and stop.keeps_reports else None
    return note.timeout_s if note else 0.0


def grace_s(folder: RunFolder, own_s: float) -> float:
    """Seconds between SIGTERM and SIGKILL: those of the stop in `folder`, else `own_s`."""
    stop = Stop.read(folder)
    return own_s if stop is None or stop.grace_s is None else stop.grace_s


def _as_seconds(value: object) -> float | None:
    """The number of seconds that `value` is; None for what is not a finite number from 0 on."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None  # 10**400 is an int, too
