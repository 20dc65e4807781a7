"""Going elsewhere: this script's task, or a copy of it, waits in a queue for an agent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from elsewhere import catalog
from elsewhere.clock import now_at
from elsewhere.events import Verdict
from elsewhere.queues import Queues
from elsewhere.records import Outcome, Reason, Status

if TYPE_CHECKING:
    from elsewhere.run import Run

__all__ = ["send"]


def send(run: Run, queue: str | None, *, is_clone: bool) -> str:
    """The id of the task that waits. Without a queue it becomes a draft.

    The whole code must be in the store before anything changes: what cannot be captured is raised,
    and the script goes on.
    """
    store, queues = run.store, Queues(run.store)
    if queue is not None:
        queues.check(queue)
    assert run.capturing is not None
    run.capture_whole()
    for warning in run.capturing.warnings:
        print(f"Elsewhere: {warning}", file=sys.stderr)
    run.flush(wait=True)
    task_id = run.task_record.id
    if is_clone:
        task_id = catalog.clone(store, task_id)
    else:
        message = "It goes on elsewhere." if queue is not None else "It was made a draft."
        # A draft from its end on: nobody who watches takes it for a task that has ended.
        run.record(Verdict(status=Status.CREATED, message=message, at=now_at()))
        run.end(Outcome(reason=Reason.STOPPED, message=message))
    if queue is not None:
        queues.enqueue(task_id, queue)
        print(f"Elsewhere: task {task_id} waits in queue {queue!r}", file=sys.stderr)
    return task_id
