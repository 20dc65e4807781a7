"""The task that a model belongs to: this process's own, which says all in its journal, or another
one, of which all is said in the store."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Protocol

from elsewhere.artifacts import DEFAULT_PLACE
from elsewhere.core.choices import Status
from elsewhere.core.current_task import current_task
from elsewhere.core.errors import UsageError
from elsewhere.core.folders import read_json
from elsewhere.core.settings import load

if TYPE_CHECKING:
    from elsewhere.core.events import Event
    from elsewhere.core.records import TaskRecord
    from elsewhere.store.api import Store

__all__ = ["Handle", "OwningTask", "owner_of", "store_here"]


class Handle(Protocol):
    """A handle on a task, as far as models go."""

    @property
    def id(self) -> str: ...

    #: `run.Run` where this process is the task
    _run: Any

    @property
    def _is_own(self) -> bool: ...

    @property
    def _record(self) -> TaskRecord: ...

    @property
    def _store(self) -> Store: ...

    def _settle(self) -> None: ...

    def _say(self, event: Event, allowed: Collection[Status] = ()) -> None: ...


class OwningTask:
    """See `owner_of`."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @property
    def id(self) -> str:
        return self._handle.id

    @property
    def run(self) -> Any:
        """`run.Run`; None where this process is not the task, or not any more."""
        return self._handle._run if self._handle._is_own else None

    @property
    def is_remote(self) -> bool:
        return self.run is not None and bool(self.run.is_remote)

    @property
    def record(self) -> TaskRecord:
        record: TaskRecord = self.run.task_record if self.run is not None else self._handle._record
        return record

    @property
    def store(self) -> Store:
        """With all that this process has said. Raises UsageError where an agent lends none."""
        self._handle._settle()
        return self._handle._store

    def say(self, *events: Event) -> None:
        """Of another task: raises NotFoundError where it is gone, TransitionError if published."""
        if self.run is not None:
            for event in events:
                self.run.record(event)
        else:
            allowed = set(Status) - {Status.PUBLISHED}
            self._handle._store.edit(self.id, *events, allowed=allowed)

    @property
    def is_offline(self) -> bool:
        """What it makes waits in the session's folder until that is imported."""
        return self.run is not None and self.run.offline is not None

    @property
    def keeps_models(self) -> bool:
        """Weights are uploaded without being asked for: the task says where to, or an agent runs
        it, whose folder goes away."""
        return bool(self.record.output_uri) or self.is_remote

    @property
    def place(self) -> str:
        """Where its models go; empty where only the agent knows."""
        uri = self.record.output_uri
        if uri not in ("", DEFAULT_PLACE):
            return uri
        if self.is_remote:
            spec = read_json(self.run.folder.spec) or {}
            return str(spec.get("output_uri", ""))
        settings = self.run.settings if self.run is not None else load()
        return settings.output_uri or str(settings.home.storage)


def owner_of(task: object, what: str) -> OwningTask:
    """`task` is a handle, or None for the task that this process is. Raises UsageError."""
    handle = current_task() if task is None else task
    if handle is None:
        raise UsageError(f"{what} needs a task: call Task.init before, or give it one.")
    if not all(hasattr(handle, name) for name in ("_is_own", "_settle", "_say")):
        raise UsageError(
            f"{what} takes a task, as Task.init or Task.get_task give it, not {handle!r:.80}."
        )
    return OwningTask(handle)  # type: ignore[arg-type]


def store_here() -> Store:
    """The store, with what this process has said about its own task."""
    task = current_task()
    if task is not None:
        task._settle()
        store: Store = task._store
        return store
    from elsewhere.store import open_store  # noqa: PLC0415 - weight

    return open_store(load())
