"""The handle itself: a task's id, and the two ways to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from elsewhere.core.choices import Status
    from elsewhere.core.events import Event
    from elsewhere.core.records import TaskRecord, TaskState
    from elsewhere.run.run import Run
    from elsewhere.store.api import Store

__all__ = ["Handle"]


class Handle:
    """Reads and edits through the store, and through the run where this process is the task.

    Imports inside methods are for weight: the first import of the SDK stays light.
    """

    def __init__(self, task_id: str, store: Store | None, run: Run | None = None) -> None:
        """Use `Task.init`, `Task.create` or `Task.get_task`."""
        self._id = task_id
        self._given_store = store
        self._run = run

    @property
    def id(self) -> str:
        """32 hex digits; it never changes."""
        return self._id

    task_id = id  # noqa: A003 - the field's word

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id}>"

    def reload(self) -> Handle:
        """A handle keeps nothing, so it is always fresh. Raises NotFoundError when it is gone."""
        self._settle()
        self._store.state(self.id)
        return self

    # helpers

    @property
    def _store(self) -> Store:
        if self._given_store is not None:
            return self._given_store
        assert self._run is not None
        return self._run.store

    @property
    def _is_own(self) -> bool:
        """This process is the task, and it is not over here."""
        return self._run is not None and not self._run.is_over

    @property
    def _record(self) -> TaskRecord:
        if self._run is not None and self._run.is_remote and self._is_own:
            return self._run.task_record
        self._settle()
        return self._store.read(self.id)

    @property
    def _state(self) -> TaskState:
        self._settle()
        return self._store.state(self.id)

    def _settle(self) -> None:
        """What this process said about the task is in the store before it is read there."""
        if self._run is not None and self._is_own:
            self._run.flush(wait=True)

    def _say(self, event: Event, allowed: Collection[Status] = ()) -> None:
        """Through the journal where this process is the task, else in the store: there only where
        its status is one of these. None given: all are."""
        if self._run is not None and self._is_own:
            self._run.record(event)
        else:
            self._store.edit(self.id, event, allowed=allowed)

    def _say_input(self, event: Event, *, force: bool = False) -> None:
        """The same for what a run reads: a draft and a run take it; others with `force` only."""
        from elsewhere.store.states import EDITABLE  # noqa: PLC0415

        self._say(event, allowed=() if force else EDITABLE)

    def _own_run(self, what: str) -> Run:
        if self._run is None:
            raise UsageError(
                f"{what} belongs to the task that a script is, and task {self.id} is another one:"
                " call it on what Task.init returned."
            )
        if self._run.is_over:
            raise UsageError(f"{what} came after close(): task {self.id} is over in this process.")
        return self._run
