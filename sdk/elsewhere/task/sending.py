"""Going elsewhere: this script's task, or a copy of it, waits in a queue for an agent."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from elsewhere.core.errors import UsageError
from elsewhere.core.say import say
from elsewhere.store.queues import Queues
from elsewhere.task import stored

if TYPE_CHECKING:
    from elsewhere.run.run import Run
    from elsewhere.store.api import Store

__all__ = ["send", "send_other"]

logger = logging.getLogger(__name__)


def send(run: Run, queue: str | None, *, is_clone: bool, is_last: bool) -> str:
    """The id of the task that waits. Without a queue it becomes a draft. `is_last`: the script ends
    with this.

    The whole code must be in the store before anything changes: what cannot be captured is raised,
    and the script goes on.
    """
    if is_last and threading.current_thread() is not threading.main_thread():
        raise UsageError(
            "execute_remotely ends the script, which a thread cannot: call it from the main thread,"
            " or with clone=True and exit_process=False."
        )
    store, queues = run.store, Queues(run.store)
    if queue is not None:
        queues.check(queue)
    for warning in run.carrier.capture_whole():
        say(warning)
    run.flush(wait=True)
    task_id = run.task_record.id
    if is_clone:
        task_id = stored.clone(store, task_id)
    else:
        run.hand_over("It goes on elsewhere." if queue is not None else "It was made a draft.")
    _enqueue(queues, task_id, queue)
    return task_id


def send_other(store: Store, task_id: str, queue: str | None, *, is_clone: bool) -> str:
    """The same for a task that this process is not, and that may have run: nothing ends here."""
    if not queue:
        raise UsageError(
            f"execute_remotely needs a queue here, since task {task_id} is not the one that this"
            " script is: give queue_name."
        )
    queues = Queues(store)
    queues.check(queue)
    logger.warning(
        "Task %s is not this script's own: it is sent, and this script goes on.", task_id
    )
    sent = stored.clone(store, task_id) if is_clone else task_id
    _enqueue(queues, sent, queue)
    return sent


def _enqueue(queues: Queues, task_id: str, queue: str | None) -> None:
    if queue is None:
        say(f"task {task_id} is a draft: it can be enqueued")
        return
    queues.enqueue(task_id, queue)
    say(f"task {task_id} waits in queue {queue!r}")
