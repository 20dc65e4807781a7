"""A task as this process reaches it: through its run where this process is the task, else through
the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from elsewhere.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from elsewhere.core.choices import Status
    from elsewhere.core.events import Event
    from elsewhere.core.records import TaskRecord, TaskState
    from elsewhere.report.recorder import OwnRun
    from elsewhere.store.api import TaskStore

R = TypeVar("R", bound="OwnRun")


class TaskAccess(Generic[R]):
    """Reads, edits and records events of one task."""

    def __init__(self, task_id: str, store: TaskStore | None, run: R | None = None) -> None:
        """`store` may be None where `run` is given, which has one."""
        self.id = task_id
        #: the run that this process is or was; `run` is None once that is over
        self.begun = run
        self._store = store

    @property
    def run(self) -> R | None:
        """The run, where this process is the task and it is not over here."""
        return None if self.begun is None or self.begun.is_over else self.begun

    @property
    def store(self) -> TaskStore:
        """The store. Raises UsageError where an agent lends its run none."""
        if self._store is not None:
            return self._store
        assert self.begun is not None
        return self.begun.store

    @property
    def settled_store(self) -> TaskStore:
        """The store, with all that this process has reported of the task."""
        self.settle()
        return self.store

    @property
    def record(self) -> TaskRecord:
        """The record: an agent's run knows it, any other reads it from the store."""
        if self.run is not None and self.run.is_remote:
            return self.run.whole_record
        return self.settled_store.read(self.id)

    @property
    def known_record(self) -> TaskRecord:
        """The record as this process knows it where it is the task: nothing is waited for."""
        return self.run.whole_record if self.run is not None else self.record

    @property
    def captured_record(self) -> TaskRecord:
        """The record, once the capture of this script's own code has ended."""
        if self.run is not None:
            self.run.await_capture()
        return self.record

    @property
    def state(self) -> TaskState:
        """The state in the store. Raises NotFoundError for a task that is gone."""
        return self.settled_store.state(self.id)

    def settle(self) -> None:
        """Waits until the store has what this process has reported of the task."""
        if self.run is not None:
            self.run.flush(wait=True)

    def record_event(self, *events: Event, allowed: Collection[Status] = ()) -> None:
        """Records events in the journal of this process's task, or edits another task.

        Of another task, raises NotFoundError where it is gone and TransitionError where its status
        is not in `allowed`; an empty one allows all.
        """
        if self.run is None:
            from elsewhere.core.known_secrets import KnownSecrets  # noqa: PLC0415 - weight

            known = KnownSecrets.of_this_process()
            hidden = (event.hidden(known) for event in events)
            self.store.edit(self.id, *hidden, allowed=allowed)
            return
        for event in events:
            self.run.record(event)

    def record_input(self, *events: Event, force: bool = False) -> None:
        """Records what a run reads: only a draft and a running task take it, others by `force`."""
        from elsewhere.store.states import EDITABLE  # noqa: PLC0415 - weight

        self.record_event(*events, allowed=() if force else EDITABLE)

    def own_run(self, what: str) -> R:
        """The run of this process; raises UsageError, naming the call `what`, where it has none."""
        if self.begun is None:
            raise UsageError(
                f"{what} belongs to the task that a script is, and task {self.id} is another one:"
                " call it on what Task.init returned."
            )
        if self.begun.is_over:
            raise UsageError(f"{what} came after close(): task {self.id} is over in this process.")
        return self.begun
