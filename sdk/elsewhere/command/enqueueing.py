"""`elsewhere enqueue`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.command.arguments import add_id
from elsewhere.command.naming import find_task, title
from elsewhere.store.queues import DEFAULT_QUEUE, Queues

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from elsewhere.store.redis.store import RedisStore


def add_options(parser: ArgumentParser) -> None:
    add_id(parser)
    add_queue(parser)
    parser.add_argument(
        "--priority",
        type=int,
        metavar="N",
        help="before tasks of a lower priority from now on (default: as it is)",
    )


def add_queue(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--queue", default=DEFAULT_QUEUE, help="name of the queue (default: %(default)s)"
    )


def run(store: RedisStore, given: Namespace) -> int:
    task_id = find_task(store, given.id)
    queues = Queues(store)
    queues.enqueue(task_id, given.queue, given.priority)
    waiting = queues.length(given.queue)
    holds = f", which holds {waiting} now" if waiting else ""  # an idle agent has it already
    print(f"Task {title(store, task_id)} is queued in {given.queue!r}{holds}.")
    return 0
