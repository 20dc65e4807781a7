"""`elsewhere abort`: asks whoever runs a task to stop it, and can wait until that is done."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

from elsewhere.command.naming import find_task, title
from elsewhere.command.watching import exit_code, watch
from elsewhere.command.wording import clean, duration, say
from elsewhere.core.errors import TransitionError, UsageError
from elsewhere.core.notes import Stop
from elsewhere.core.records import Status

if TYPE_CHECKING:
    from argparse import Namespace

    from elsewhere.core.folders import Home
    from elsewhere.core.records import TaskState
    from elsewhere.store.redis.store import RedisStore

__all__ = ["abort_task"]


def abort_task(store: RedisStore, given: Namespace) -> int:
    grace_s: float | None = given.grace
    if grace_s is not None and not 0 <= grace_s < math.inf:
        raise UsageError(f"--grace {grace_s} cannot be: it is a number of seconds, 0 or more.")
    task_id = find_task(store, given.id)
    state, name = store.state(task_id), title(store, task_id)
    status = store.request_stop(task_id, grace_s=grace_s, message="Stopped by 'elsewhere abort'.")
    if status is Status.QUEUED:
        print(f"Task {name} is stopped. It waited in the queue {state.queue!r} and never began.")
        return 0
    if status is not Status.IN_PROGRESS:
        if status is not Status.STOPPED:
            raise TransitionError(
                f"Task {name} cannot be stopped: it is {status}, so nothing runs."
            )
        print(f"Task {name} is stopped already.")
        return 0
    if not state.lease_until:
        print(f"Task {name} is stopped. Nothing ran it: it was only marked as in progress.")
        return 0
    _tell_runner(given.home, task_id, state.attempt, grace_s)
    print(f"Task {name} {_what_will_happen(store, state, grace_s)}", flush=True)
    return _wait(store, task_id, name) if given.wait else 0


def _tell_runner(home: Home, task_id: str, attempt: int, grace_s: float | None) -> None:
    """Where the task runs on this machine: so that it stops also while its agent is away."""
    folder = home.run(task_id, attempt)
    if folder.path.is_dir() and not folder.acked.exists():
        with suppress(FileNotFoundError):  # the folder has just been cleaned up
            Stop(grace_s=grace_s).write(folder)


def _what_will_happen(store: RedisStore, state: TaskState, grace_s: float | None) -> str:
    worker = clean(state.worker)
    if state.is_unreachable:
        silent = duration(store.now() - state.lease_until)
        return (
            f"is stopped as soon as {worker} is back: it should have reported {silent} ago. If it"
            " does not come back, the task is ended as lost."
        )
    grace = "a grace period" if grace_s is None else f"{grace_s:g} s"
    return f"is asked to stop on {worker}: SIGTERM, and SIGKILL after {grace} if it still runs."


def _wait(store: RedisStore, task_id: str, name: str) -> int:
    statuses: list[Status] = []

    def look(state: TaskState) -> bool:
        statuses.append(state.status)
        return state.status.is_final

    watch(store, task_id, look, say)
    print(f"Task {name} is {statuses[-1]}.")
    return exit_code(statuses[-1])
