"""A task in a queue: what `Task.enqueue` and `Task.dequeue` do with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.core.choices import Status
from elsewhere.core.errors import TransitionError, UsageError
from elsewhere.task.aspects.status import reset
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from elsewhere.core.records import TaskState

__all__ = ["QueueAspect", "chosen_queue"]


class QueueAspect(Handle):
    """A queue's id is its name."""

    def get_executed_queue(self, return_name: bool = False) -> str | None:
        """The queue that it is in, or that it came from the last time; None for none."""
        return self.access.state.queue or None

    @classmethod
    def enqueue(
        cls,
        task: Handle | str,
        queue_name: str | None = None,
        queue_id: str | None = None,
        force: bool = False,
    ) -> dict[str, Any]:
        """Puts a task at the end of a queue, by its name or id; of the default queue without both.

        Returns {"queued": 1, "updated": 1, "fields": {...}}: what has changed. Raises NotFoundError
        for an unknown task or queue, and TransitionError when its status does not allow it: a
        completed task is cloned first. `force` resets such a task instead, which stops and forgets
        its run, and takes a queued one out of its other queue.
        """
        from elsewhere.store.queues import Queues  # noqa: PLC0415

        queue, access = chosen_queue(queue_name, queue_id), cls._given(task).access
        queues = Queues(access.settled_store)
        try:
            queues.enqueue(access.id, queue)
        except TransitionError:
            if not force:
                raise
            if access.state.status is Status.QUEUED:
                queues.dequeue(access.id)
            else:
                reset(access, force=True)
            queues.enqueue(access.id, queue)
        return {"queued": 1, "updated": 1, "fields": _fields(access.state, queue)}

    @classmethod
    def dequeue(cls, task: Handle | str) -> dict[str, Any]:
        """Takes a task out of its queue; it has the status that it had before.

        Returns {"dequeued": 1, "updated": 1, "fields": {...}}. Raises TransitionError for a task
        that is in no queue.
        """
        from elsewhere.store.queues import Queues  # noqa: PLC0415

        access = cls._given(task).access
        Queues(access.store).dequeue(access.id)
        return {"dequeued": 1, "updated": 1, "fields": _fields(access.state, None)}

    @classmethod
    def get_num_enqueued_tasks(
        cls, queue_name: str | None = None, queue_id: str | None = None
    ) -> int:
        """How many tasks wait in a queue; in the default queue without both arguments.

        Raises NotFoundError for a queue that nobody made.
        """
        from elsewhere.store.queues import Queues  # noqa: PLC0415

        queue, queues = chosen_queue(queue_name, queue_id), Queues(cls._open())
        queues.check(queue)
        return queues.length(queue)


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
