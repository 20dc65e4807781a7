"""`elsewhere import-offline-session`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.command.naming import find_task, title
from elsewhere.command.printing import say
from elsewhere.core.settings import load
from elsewhere.offline.importing import import_session

if TYPE_CHECKING:
    from argparse import Namespace

    from elsewhere.store.redis.store import RedisStore


def import_offline_session(store: RedisStore, given: Namespace) -> int:
    """Imports an offline session and prints the task's id, alone, on stdout."""
    previous = find_task(store, given.previous_task) if given.previous_task else None
    task_id = import_session(store, load(), given.session, previous, given.iteration_offset)
    say(f"The offline session is in the store as task {title(store, task_id)}.")
    print(task_id)
    return 0
