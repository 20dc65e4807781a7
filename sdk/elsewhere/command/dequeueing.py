"""`elsewhere dequeue`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.command.arguments import add_id
from elsewhere.command.naming import find_task, title
from elsewhere.store.queues import Queues

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from elsewhere.store.redis.store import RedisStore


def add_options(parser: ArgumentParser) -> None:
    add_id(parser)


def run(store: RedisStore, given: Namespace) -> int:
    task_id = find_task(store, given.id)
    status = Queues(store).dequeue(task_id)
    print(f"Task {title(store, task_id)} is out of its queue and {status} again.")
    return 0
