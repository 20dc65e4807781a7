"""The store: the one truth about every task, shared by laptops, agents and the server.

No caller knows a key. Each change is one transaction, safe to make again when its reply was
lost, and raises StoreUnavailableError when the store cannot be reached. Times are the store's
clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from elsewhere.core.events import kind_of
from elsewhere.core.frozen import dataclass
from elsewhere.core.kept import MOST_ITEMS, HistoryEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from elsewhere.core.choices import ScalarKind, Status
    from elsewhere.core.events import Event, Machine, Phase, Text
    from elsewhere.core.records import (
        Artifact,
        Attempt,
        Json,
        ModelRecord,
        ModelUse,
        Outcome,
        TaskRecord,
        TaskState,
    )
    from elsewhere.core.scalars import Curve
    from elsewhere.store.filters import Filter
    from elsewhere.store.model_records import ModelFilter

E = TypeVar("E", bound=HistoryEvent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The result of a claim. `attempt` is 0 when it was refused because the task is `status`."""

    attempt: int
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The result of a renewal. `is_ours` False: the attempt may not go on, the task is `status`."""

    is_ours: bool
    status: str = ""
    is_stop_requested: bool = False
    stop_grace_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The result of a sweep. `is_mine`: no other agent swept just now. `over`: running tasks with
    an ended lease; empty while owners may still come back because the store itself was away."""

    is_mine: bool
    over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Stored output from `start` on; `next` is where to go on. `start` is larger than the one
    requested when the middle of a very long output is not kept. `pending` is the line that the
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
    #: the iterations of these two; None where an earlier version has written them
    minimum_at: int | None = None
    maximum_at: int | None = None

    @property
    def kind(self) -> ScalarKind:
        return kind_of(self.title, self.iteration)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPhase:
    """A phase of the attempt with this number."""

    attempt: int
    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesHistory:
    """A series that is kept as a History: how many items, and the time of the newest report."""

    title: str
    series: str
    count: int
    at: float


class Listener(Protocol):
    """Wakes up when something happened; an event may be missed, so callers also look by time."""

    def wait(self, timeout_s: float) -> list[str]:
        """Waits for events and returns them; of several channels `channel payload` each; none after
        `timeout_s`. Raises like the store."""

    def close(self) -> None: ...


class TaskStore(Protocol):
    """A store (see the module). Ids are those of tasks; an unknown one raises NotFoundError. A task
    that ceases to be queued leaves its queue in the same step."""

    def identity(self) -> str:
        """Returns a text that stays the same for as long as this store's data lives."""

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
        """Deletes the task with all its reports; it must not be queued or running."""

    # status
    def move(
        self, task_id: str, target: Status, *, allowed: Collection[Status], message: str = ""
    ) -> Status:
        """Compare and set. Returns the status before; raises TransitionError. A task that wants to
        be published at its end is published instead of completed."""

    def reset(self, task_id: str, *, allowed: Collection[Status]) -> Status:
        """Makes the task a draft, without its attempts' reports and outputs; inputs stay. The next
        attempt has a higher number all the same. Returns the status before; raises
        TransitionError."""

    def claim(
        self,
        task_id: str,
        *,
        worker: str,
        token: str,
        lease_s: float,
        allowed: Collection[Status],
        above: int = 0,
    ) -> Claim:
        """Begins the next attempt, with a number `above` that one: the highest that the caller
        knows of the task's. The same token gets the same result again."""

    def take_back(
        self, task_id: str, attempt: int, *, worker: str, token: str, lease_s: float
    ) -> Claim:
        """Begins the worker's `attempt` anew, with a higher number, in a store that was restored
        with older data and has lost it. Refused where nothing was lost; with an empty status where
        the task itself was. The same token gets the same result again."""

    def renew(self, task_id: str, attempt: int, *, worker: str, lease_s: float) -> Renewal:
        """Extends the lease and returns whether a stop is requested."""

    def finish(self, task_id: str, attempt: int, outcome: Outcome) -> Status:
        """Ends the attempt. Raises FencedError when a newer one owns the task."""

    def request_stop(
        self, task_id: str, *, grace_s: float | None = None, message: str = ""
    ) -> Status:
        """Stops a task that is queued or has no lease, leaves a request for the owner of a running
        one. Returns the status before."""

    # what a task reports
    def apply(
        self, task_id: str, attempt: int, file: str, start: int, end: int, events: Iterable[Event]
    ) -> int:
        """Takes the events between two offsets of a journal file, once. Returns the file's offset
        now; that is not `end` when it was another one before. Raises FencedError."""

    def append_output(
        self, task_id: str, attempt: int, start: int, end: int, data: bytes, pending: str
    ) -> int:
        """Takes output between two offsets of its file, once, as `apply` takes events."""

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
        """Returns (iteration, time, value) of each point, in the order of the reports."""

    def curves(self, wanted: Sequence[tuple[str, str, str]], most: int = 0) -> list[Curve]:
        """Returns the points of each (task id, title, series), at most so many, 0 for all: the
        first, the last, and of equal parts between the lowest and the highest. Of a series that is
        not there, none."""

    def kept(self, task_id: str, kind: type[Event]) -> Any:
        """Returns what is kept of the events of one `kind`, by its declared way: a list of
        the recent ones, each with its attempt in front where that is kept; a list of all items, by
        series; values by name; sorted words by set; or a dict of those fields of the state, as
        texts, that are there."""

    def histories(self, task_id: str, kind: type[HistoryEvent]) -> list[SeriesHistory]:
        """Returns the series that have items of the `kind`, sorted by title and series."""

    def history(
        self, task_id: str, kind: type[E], title: str, series: str, *, last: int = MOST_ITEMS
    ) -> list[E]:
        """Returns the `last` items of a series, by their reports, oldest first."""

    def newest(self, task_id: str, kind: type[E], last: int) -> list[E]:
        """Returns the `last` items of all series, by the times of their reports, oldest first."""

    def item(
        self, task_id: str, kind: type[E], title: str, series: str, iteration: int
    ) -> E | None: ...

    def held(self, task_id: str) -> dict[str, str]:
        """Maps the URLs of the bytes that the items of all histories name to their machines."""

    def dropped(self, task_id: str) -> dict[str, str]:
        """Maps the URLs of bytes that no item of a history names any more, and that are not deleted
        yet, to their machines. An item that names such a URL again takes it out."""

    def forget_dropped(self, task_id: str, urls: Collection[str]) -> None:
        """Takes `urls` out of what is `dropped`: their bytes are deleted."""

    def texts(self, task_id: str) -> list[Text]: ...

    def phases(self, task_id: str) -> list[TaskPhase]:
        """Returns each phase once, by their beginnings; one that goes on has no seconds."""

    def attempts(self, task_id: str) -> list[Attempt]: ...

    def machine(self, task_id: str) -> Machine | None:
        """Returns the machine of the newest attempt that has reported one."""

    # models
    def save_model(self, model_id: str, fields: Mapping[str, Json]) -> None:
        """Sets `fields` of a model, made where it is missing, as `events.ModelSaved` has them,
        whoever made it. Raises RecordError for a field that is not a model's."""

    def model(self, model_id: str) -> ModelRecord: ...

    def delete_model(self, model_id: str) -> None:
        """Deletes the model; may be called twice. Tasks still name it as their output or input."""

    def find_models(self, wanted: ModelFilter) -> list[ModelRecord]:
        """Returns the models that match `wanted`, the last changed one first."""

    def task_models(self, task_id: str) -> list[ModelUse]:
        """Returns the task's models in the order of their naming; none for an unknown task."""

    def model_at(self, url: str, machine: str = "") -> str | None:
        """Returns the id of the model with its weights at `url`; a path is one of `machine`."""

    def tasks_using(self, model_id: str) -> list[str]:
        """Returns the ids of the tasks that began from the model."""

    # blobs
    def has_blob(self, digest: str) -> bool:
        """Returns whether the blob is there, and renews its lifetime."""

    def put_blob(self, digest: str, data: bytes) -> None:
        """Keeps `data`, whose sha256 is `digest`, or renews the lifetime of what is there."""

    def get_blob(self, digest: str) -> bytes:
        """Reads a blob that lies in the store itself. Raises NotFoundError, or RecordError when it
        does not match `digest`."""

    def blob_url(self, digest: str) -> str | None:
        """Returns where in storage a blob lies that is not in the store any more; None without."""

    # waking up
    def listen_to(self, task_id: str) -> Listener:
        """Returns a listener to the events of one task."""

    def now(self) -> float: ...

    def close(self) -> None: ...


class SharedStore(TaskStore, Protocol):
    """What laptops, agents and the page share beside that: finding tasks, and all leases.

    A store of one task's process has none of it, such as that of an offline session.
    """

    def search(self, wanted: Filter) -> Iterator[str]:
        """Yields ids in the filter's order, with no limit but the filter's own."""

    def look_up(self, task_ids: Iterable[str], names: Collection[str]) -> list[dict[str, Any]]:
        """Returns id and fields of each task that still exists; see `search.py` for `names`."""

    def projects(self) -> list[str]: ...

    # leases
    def sweep(self, *, sweep_s: float, hold_s: float) -> Sweep:
        """Tries to become the one process that looks after all tasks this time."""

    def reap(self, task_id: str, *, lost_after_s: float, outcome: Outcome) -> Status | None:
        """Ends an attempt whose lease has been over for so long, or puts the task back."""

    def lose(
        self, task_id: str, attempt: int, outcome: Outcome, *, is_harmless: bool
    ) -> Status | None:
        """Ends an attempt at once, by its owner. `is_harmless`: the program has not begun."""

    def behind(self, ended: Sequence[tuple[str, int]], *, worker: str) -> list[bool]:
        """Returns of each (task id, attempt), which the `worker` has ended in this store, whether
        the store does not know the end any more: it was restored with older data."""

    def leased_to(self, worker: str) -> list[tuple[str, int]]:
        """Returns (task id, attempt) of all attempts that run under the name `worker`."""

    # waking up
    def listen(self, *channels: str) -> Listener:
        """Returns a listener to `channels`, named as in keys.py."""
