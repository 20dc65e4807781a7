"""A task in a queue: what `Task.enqueue` and `Task.dequeue` do with one."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from elsewhere.core.checks import checked_flag, checked_seconds, checked_texts, checked_whole
from elsewhere.core.choices import INFRASTRUCTURE, RETRIABLE, OnLost, Reason, Status
from elsewhere.core.errors import TransitionError, UsageError, known_choices
from elsewhere.task.aspects.status import reset
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.core.records import TaskState


class QueueAspect(Handle):
    """Enqueues and dequeues tasks; a queue's id is its name."""

    def get_executed_queue(self, return_name: bool = False) -> str | None:
        """The queue that the task is in, or came from the last time, or None. `return_name`, which
        existing scripts pass, changes nothing: a queue's id is its name."""
        return self.access.state.queue or None

    def set_retries(
        self,
        count: int = 3,
        *,
        reasons: Sequence[str] | None = None,
        backoff_s: float = 30.0,
        avoid_host: bool = False,
    ) -> None:
        """Lets agents run the task again, at most `count` times, when an attempt of a queue fails:
        after `backoff_s` seconds, twice as long each further time, and on another machine with
        `avoid_host`, where one takes tasks of that queue.

        `reasons` are those for it, of program_failed, killed, out_of_memory, setup_failed,
        timed_out, lost and host_rebooted; by default all but timed_out. The last two, in which the
        machine was lost, do not count: after three of them in a row the task is parked as failed.
        A program that has set its own status is not run again. Raises UsageError for a wrong
        argument, and TransitionError unless the task is a draft or runs.
        """
        from elsewhere.core.records import Retries  # noqa: PLC0415
        from elsewhere.store.states import EDITABLE  # noqa: PLC0415

        policy = Retries(
            count=int(checked_whole("count", count, 0)),
            reasons=_reasons(reasons),
            backoff_s=float(checked_seconds("backoff_s", backoff_s)),
            avoids_host=checked_flag("avoid_host", avoid_host),
        )
        if not isfinite(policy.backoff_s):
            raise UsageError("backoff_s must be a number of seconds, not infinite.")
        if self.access.run is not None and self.access.run.is_remote:
            return
        is_put_back = any(reason in INFRASTRUCTURE for reason in policy.reasons)
        self.access.store.edit(
            self.id,
            allowed=EDITABLE,
            on_lost=OnLost.ENQUEUE if is_put_back else OnLost.END,
            retries=policy,
        )

    @classmethod
    def enqueue(
        cls,
        task: Handle | str,
        queue_name: str | None = None,
        queue_id: str | None = None,
        force: bool = False,
        *,
        priority: int | None = None,
    ) -> dict[str, Any]:
        """Puts `task`, a task or its id, at the end of the queue `queue_name` or `queue_id`, which
        are the same here, or of the default queue, before those of a lower `priority`: the task's
        own, or this one from now on.

        Returns {"queued": 1, "updated": 1, "fields": {...}}, the fields that have changed. `force`
        first resets a task whose status does not allow it, which stops and deletes its run, and
        takes a queued one out of its other queue. Raises UsageError for a wrong argument,
        NotFoundError for an unknown task or queue, and TransitionError for a status that does not
        allow it: a completed task is cloned first.
        """
        from elsewhere.store.queues import Queues  # noqa: PLC0415

        if priority is not None:
            checked_whole("The priority", priority)
        queue, access = chosen_queue(queue_name, queue_id), cls._given(task).access
        queues = Queues(access.settled_store)
        try:
            queues.enqueue(access.id, queue, priority)
        except TransitionError:
            if not force:
                raise
            if access.state.status is Status.QUEUED:
                queues.dequeue(access.id)
            else:
                reset(access, force=True)
            queues.enqueue(access.id, queue, priority)
        return {"queued": 1, "updated": 1, "fields": _fields(access.state, queue)}

    @classmethod
    def dequeue(cls, task: Handle | str) -> dict[str, Any]:
        """Takes `task`, a task or its id, out of its queue and gives it back the status before.
        Returns {"dequeued": 1, "updated": 1, "fields": {...}}. Raises UsageError for what is not a
        task, NotFoundError for an unknown one, and TransitionError for one that is in no queue."""
        from elsewhere.store.queues import Queues  # noqa: PLC0415

        access = cls._given(task).access
        Queues(access.store).dequeue(access.id)
        return {"dequeued": 1, "updated": 1, "fields": _fields(access.state, None)}

    @classmethod
    def get_num_enqueued_tasks(
        cls, queue_name: str | None = None, queue_id: str | None = None
    ) -> int:
        """The number of tasks in the queue `queue_name` or `queue_id`, or in the default queue.
        Raises UsageError for a wrong argument, and NotFoundError for a queue that nobody made."""
        from elsewhere.store.queues import Queues  # noqa: PLC0415

        queue, queues = chosen_queue(queue_name, queue_id), Queues(cls._open())
        queues.check(queue)
        return queues.length(queue)


def chosen_queue(queue_name: object, queue_id: object) -> str:
    """The name of the given queue, or of the default queue. Raises UsageError."""
    from elsewhere.store.queues import DEFAULT_QUEUE  # noqa: PLC0415

    if queue_name is not None and queue_id is not None:
        raise UsageError("A queue is given by its name or its id, which are the same: not by both.")
    queue = queue_id if queue_name is None else queue_name
    if queue is not None and not isinstance(queue, str):
        raise UsageError(f"A queue is given by its name, not {queue!r:.80}.")
    return DEFAULT_QUEUE if queue is None else queue


def _reasons(given: object) -> tuple[Reason, ...]:
    if given is None:
        return tuple(reason for reason in RETRIABLE if reason is not Reason.TIMED_OUT)
    known = {str(reason): reason for reason in RETRIABLE}
    words = checked_texts("reasons", given)
    for word in words:
        if word not in known:
            raise UsageError(
                f"A task is not run again for the reason {word!r}. {known_choices(word, known)}"
            )
    return tuple(known[word] for word in words)


def _fields(state: TaskState, queue: str | None) -> dict[str, Any]:
    """The fields that have changed; times are Unix seconds."""
    return {
        "status": str(state.status),
        "status_reason": "",
        "status_message": state.message,
        "status_changed": state.updated_at,
        "last_update": state.updated_at,
        "execution.queue": queue,
    }
