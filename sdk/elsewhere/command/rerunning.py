"""`elsewhere rerun`: a clone of a task, enqueued."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.command.arguments import add_id
from elsewhere.command.cloning import add_changes, make_clone
from elsewhere.command.logs import follow_or_name
from elsewhere.command.naming import find_task
from elsewhere.core.errors import ElsewhereError
from elsewhere.store.queues import DEFAULT_QUEUE, Queues

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from elsewhere.store.redis.store import RedisStore


def add_options(parser: ArgumentParser) -> None:
    add_id(parser)
    add_changes(parser)
    parser.add_argument(
        "--queue", help=f"name of the queue (default: the task's last one, or {DEFAULT_QUEUE})"
    )
    parser.add_argument(
        "--priority", type=int, metavar="N", help="before tasks of a lower one (default: as it is)"
    )
    parser.add_argument(
        "--watch", action="store_true", help="print its output until it ends; 4 when it failed"
    )


def run(store: RedisStore, given: Namespace) -> int:
    """Prints the id of the clone, alone, on stdout; with `--watch` its output is there."""
    task_id = find_task(store, given.id)
    queue = given.queue or store.state(task_id).queue or DEFAULT_QUEUE
    queues = Queues(store)
    queues.check(queue)
    clone_id = make_clone(store, task_id, given)
    try:
        queues.enqueue(clone_id, queue, given.priority)
    except ElsewhereError:  # its code is not there any more
        store.delete(clone_id)
        raise
    return follow_or_name(store, clone_id, queue, is_followed=given.watch)
