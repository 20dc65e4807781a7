"""A task in a queue: what `Task.enqueue` and `Task.dequeue` do with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.core.choices import Status
from elsewhere.core.errors import TransitionError, UsageError
from elsewhere.task.aspects.status import Standing

if TYPE_CHECKING:
    from elsewhere.core.records import TaskState

__all__ = ["Queued", "chosen_queue"]


class Queued(Standing):
    """A queue's id is its name."""

    def get_executed_queue(self, return_name: bool = False) -> str | None:
        """The queue that it is in, or that it came from the last time; None for none."""
        return self._state.queue or None

    # helpers

    def _enqueue(self, queue: str, *, force: bool) -> dict[str, Any]:
        from elsewhere.store.queues import Queues  # noqa: PLC0415

        self._settle()
        queues = Queues(self._store)
        try:
            queues.enqueue(self.id, queue)
        except TransitionError:
            if not force:
                raise
            if self._state.status is Status.QUEUED:
                queues.dequeue(self.id)
            else:
                self.reset(force=True)
            queues.enqueue(self.id, queue)
        return {"queued": 1, "updated": 1, "fields": _fields(self._state, queue)}

    def _dequeue(self) -> dict[str, Any]:
        from elsewhere.store.queues import Queues  # noqa: PLC0415

        Queues(self._store).dequeue(self.id)
        return {"dequeued": 1, "updated": 1, "fields": _fields(self._state, None)}


def chosen_queue(queue_name: object, queue_id: object) -> str:
    """The one that is given, or the default queue. Raises UsageError."""
    from elsewhere.store.queues import DEFAULT_QUEUE  # noqa: PLC0415

    if queue_name is not None and queue_id is not None:
        raise UsageError("A queue is given by its name or its id, which are the same: not by both.")
    queue = queue_id if queue_name is None else queue_name
    if queue is not None and not isinstance(queue, str):
        raise UsageError(f"A queue is given by its name, not {queue!r:.80}.")
    return DEFAULT_QUEUE if queue is None else queue


def _fields(state: TaskState, queue: str | None) -> dict[str, Any]:
    """What has changed; times are Unix seconds."""
    return {
        "status": str(state.status),
        "status_reason": "",
        "status_message": state.message,
        "status_changed": state.updated_at,
        "last_update": state.updated_at,
        "execution.queue": queue,
    }
