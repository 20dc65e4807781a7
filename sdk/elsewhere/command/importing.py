"""`elsewhere import-offline-session`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.command.naming import find_task, title
from elsewhere.command.printing import say
from elsewhere.offline.importing import import_session

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from elsewhere.store.redis.store import RedisStore


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "session", metavar="PATH", help="the zip file, or the folder of a script that was killed"
    )
    parser.add_argument(
        "--previous-task",
        metavar="ID",
        help="add it to this task, as a further attempt (default: a task of its own)",
    )
    parser.add_argument(
        "--iteration-offset",
        type=int,
        default=0,
        metavar="N",
        help="add N to each iteration (default: %(default)s)",
    )


def run(store: RedisStore, given: Namespace) -> int:
    """Imports an offline session and prints the task's id, alone, on stdout."""
    previous = find_task(store, given.previous_task) if given.previous_task else None
    task_id = import_session(store, given.settings, given.session, previous, given.iteration_offset)
    say(f"The offline session is in the store as task {title(store, task_id)}.")
    print(task_id)
    return 0
