"""The store: the one truth about every task, shared by laptops, agents and the server.

Nobody above it knows a key. Each change is one transaction, safe to make again when its reply was
lost, and raises StoreUnavailableError when the store cannot be reached. Times are the store's
clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from elsewhere.core.events import kind_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from elsewhere.core.choices import ScalarKind
    from elsewhere.core.events import Event, Phase, Text
    from elsewhere.core.records import (
        Artifact,
        Attempt,
        Json,
        ModelRecord,
        ModelUse,
        Outcome,
        Status,
        TaskRecord,
        TaskState,
    )
    from elsewhere.store.filters import Filter
    from elsewhere.store.model_records import ModelFilter

__all__ = [
    "Claim",
    "Listener",
    "Output",
    "Renewal",
    "SeriesSummary",
    "SharedStore",
    "Sweep",
    "TaskPhase",
    "TaskStore",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`attempt` is 0 when the claim was refused because the task is `status`."""

    attempt: int
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """`is_ours` False: this attempt may not go on, `status` says what the task is now."""

    is_ours: bool
    status: str = ""
    is_stop_requested: bool = False
    stop_grace_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """`is_mine`: no other agent swept just now. `over`: running tasks whose lease is over; empty
    while owners may still come back because the store itself was away."""

    is_mine: bool
    over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Stored output from `start` on; `next` is where to go on. `start` is larger than what was
    asked for when the middle of a very long output is not kept. `pending` is the line that the
    program has not ended yet, as a terminal would show it."""

    data: bytes
    start: int
    next: int
    pending: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSummary:
    """One series of scalars without its points."""

    title: str
    series: str
    count: int
    iteration: int
    last: float
    minimum: float
    maximum: float

    @property
    def kind(self) -> ScalarKind:
        return kind_of(self.title, self.iteration)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPhase:
    """A phase of the attempt with this number."""

    attempt: int
    phase: Phase


class Listener(Protocol):
    """Wakes up when something happened; an event may be missed, so callers also look by time."""

    def wait(self, timeout_s: float) -> list[str]:
        """What happened; of several channels `channel payload` each; empty after the time. Raises
        like the store."""

    def close(self) -> None: ...


class TaskStore(Protocol):
    """See the module. Ids are those of tasks; an unknown one raises NotFoundError. A task that
    ceases to be queued leaves its queue in the same step."""

    def identity(self) -> str:
        """The same text for as long as this store's data lives."""

    # records
    def create(self, record: TaskRecord, *events: Event) -> None:
        """Makes a task with the status created, and with all that the events add to the record.
        Nothing changes where it is there already."""

    def read(self, task_id: str) -> TaskRecord: ...

    def state(self, task_id: str) -> TaskState: ...

    def edit(
        self, task_id: str, *events: Event, allowed: Collection[Status] = (), **fields: object
    ) -> None:
        """Takes in `events` about a task from outside, as its own, and sets `fields` of its record.
        Raises TransitionError where its status is not one of the `allowed`; none given: all are."""

    def delete(self, task_id: str) -> None:
        """The task with all that it said; it must not be queued or running."""

    # status
    def move(
        self, task_id: str, target: Status, *, allowed: Collection[Status], message: str = ""
    ) -> Status:
        """Compare and set. Returns the status before; raises TransitionError. A task that wants to
        be published at its end is published instead of completed."""

    def reset(self, task_id: str, *, allowed: Collection[Status]) -> Status:
        """A draft again, without what its attempts said and made; what it was given stays. The next
        attempt has a higher number all the same. Returns the status before; raises
        TransitionError."""

    def claim(
        self, task_id: str, *, worker: str, token: str, lease_s: float, allowed: Collection[Status]
    ) -> Claim:
        """Begins the next attempt. The same token gets the same answer again."""

    def renew(self, task_id: str, attempt: int, *, worker: str, lease_s: float) -> Renewal:
        """Extends the lease and brings back whether a stop is asked for."""

    def finish(self, task_id: str, attempt: int, outcome: Outcome) -> Status:
        """Ends the attempt. Raises FencedError when a newer one owns the task."""

    def request_stop(
        self, task_id: str, *, grace_s: float | None = None, message: str = ""
    ) -> Status:
        """Stops a task that is queued or that nobody has a lease of, asks the owner of a running
        one. Returns the status before."""

    # what a task says
    def apply(
        self, task_id: str, attempt: int, file: str, start: int, end: int, events: Iterable[Event]
    ) -> int:
        """Takes the events between two offsets of a journal file, once. Returns where the file
        stands; that is not `end` when it stood elsewhere. Raises FencedError."""

    def append_output(
        self, task_id: str, attempt: int, start: int, end: int, data: bytes, pending: str
    ) -> int:
        """The same for output."""

    def journal_offset(self, task_id: str, attempt: int, file: str) -> int: ...

    def output_offset(self, task_id: str, attempt: int) -> int: ...

    def output(
        self,
        task_id: str,
        *,
        attempt: int | None = None,
        start: int = 0,
        limit_bytes: int = 1 << 20,
    ) -> Output: ...

    def output_length(self, task_id: str, attempt: int | None = None) -> int: ...

    def artifacts(self, task_id: str) -> dict[str, Artifact]: ...

    def series(self, task_id: str) -> list[SeriesSummary]: ...

    def points(self, task_id: str, title: str, series: str) -> list[tuple[int, float, float]]:
        """(iteration, time, value) in the order in which they were reported."""

    def kept(self, task_id: str, kind: type[Event]) -> Any:
        """What is kept of the events of one `kind`, by the way that it is declared with: a list of
        the recent ones, each with its attempt in front where that is kept; values by name; sorted
        words by set; or a dict of those fields of the state, as texts, that are there."""

    def texts(self, task_id: str) -> list[Text]: ...

    def phases(self, task_id: str) -> list[TaskPhase]:
        """Each once, in the order of their beginnings; without seconds while it goes on."""

    def attempts(self, task_id: str) -> list[Attempt]: ...

    # models
    def save_model(self, model_id: str, fields: Mapping[str, Json]) -> None:
        """Sets fields of a model, which is made where it is not there, as `events.ModelSaved` has
        them, whoever made it. Raises RecordError for what is no model's."""

    def model(self, model_id: str) -> ModelRecord: ...

    def delete_model(self, model_id: str) -> None:
        """May be called twice. Tasks still name it as what they made or began from."""

    def find_models(self, wanted: ModelFilter) -> list[ModelRecord]:
        """The last changed one first."""

    def task_models(self, task_id: str) -> list[ModelUse]:
        """In the order in which they were named; none for an unknown task."""

    def model_at(self, url: str, machine: str = "") -> str | None:
        """The id of the model whose weights lie there; `machine` is whose path it is."""

    def tasks_using(self, model_id: str) -> list[str]:
        """The ids of the tasks that began from it."""

    # blobs
    def has_blob(self, digest: str) -> bool:
        """Also renews its lifetime."""

    def put_blob(self, digest: str, data: bytes) -> None:
        """Keeps `data`, whose sha256 is `digest`, or renews the lifetime of what is there."""

    def get_blob(self, digest: str) -> bytes:
        """Raises NotFoundError, or RecordError when the bytes do not match the digest."""

    # waking up
    def listen_to(self, task_id: str) -> Listener:
        """What happens to one task."""

    def now(self) -> float: ...

    def close(self) -> None: ...


class SharedStore(TaskStore, Protocol):
    """What laptops, agents and the page share beside that: finding tasks, and all leases.

    A store of one task's process has none of it, such as that of an offline session.
    """

    def search(self, wanted: Filter) -> Iterator[str]:
        """Ids in the order that the filter asks for, without a limit but its own."""

    def look_up(self, task_ids: Iterable[str], names: Collection[str]) -> list[dict[str, Any]]:
        """Id and fields of each task that there still is; see `search.py` for their names."""

    def projects(self) -> list[str]: ...

    # leases
    def sweep(self, *, sweep_s: float, hold_s: float) -> Sweep:
        """Asks to be the one that looks after all tasks this time."""

    def reap(self, task_id: str, *, lost_after_s: float, outcome: Outcome) -> Status | None:
        """Ends an attempt whose lease has been over for so long, or puts the task back."""

    def lose(
        self, task_id: str, attempt: int, outcome: Outcome, *, is_harmless: bool
    ) -> Status | None:
        """The same at once, by its owner. `is_harmless`: nothing of the program has run."""

    def leased_to(self, worker: str) -> list[tuple[str, int]]:
        """(task id, attempt) of all that run under this worker's name."""

    # waking up
    def listen(self, *channels: str) -> Listener:
        """Channels as in keys.py."""
