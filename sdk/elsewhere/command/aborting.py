"""`elsewhere abort`: requests the stop of a task, and can wait until that is done."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from elsewhere.command.arguments import add_id
from elsewhere.command.naming import find_task, title
from elsewhere.command.printing import clean, say
from elsewhere.command.watching import exit_code, watch
from elsewhere.core.choices import Status
from elsewhere.core.errors import UsageError
from elsewhere.core.wording import duration
from elsewhere.store.stopping import request_stop

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from elsewhere.core.records import TaskState
    from elsewhere.store.redis.store import RedisStore
    from elsewhere.store.stopping import StopRequest


def add_options(parser: ArgumentParser) -> None:
    add_id(parser)
    parser.add_argument(
        "--grace",
        type=float,
        metavar="SECONDS",
        help="from SIGTERM to SIGKILL (default: as the agent is set)",
    )
    parser.add_argument(
        "--wait", action="store_true", help="return when it has ended; 4 when it failed"
    )


def run(store: RedisStore, given: Namespace) -> int:
    grace_s: float | None = given.grace
    if grace_s is not None and not 0 <= grace_s < math.inf:
        raise UsageError(f"--grace {grace_s} cannot be: it is a number of seconds, 0 or more.")
    task_id = find_task(store, given.id)
    name = title(store, task_id)
    request = request_stop(
        store,
        given.settings.home,
        task_id,
        grace_s=grace_s,
        message="Stopped by 'elsewhere abort'.",
    )
    print(f"Task {name} {_what_happens(store, request, grace_s)}", flush=True)
    return _wait(store, task_id, name) if given.wait and request.is_asked else 0


def _what_happens(store: RedisStore, request: StopRequest, grace_s: float | None) -> str:
    state = request.state
    if request.was_over:
        return "is stopped already."
    if request.before is Status.QUEUED:
        return f"is stopped. It waited in the queue {state.queue!r} and never began."
    if not request.is_asked:
        return "is stopped. Nothing ran it: it was only marked as in progress."
    worker, grace = clean(state.worker), "a grace period" if grace_s is None else f"{grace_s:g} s"
    asked = f"is asked to stop on {worker}: SIGTERM, and SIGKILL after {grace} if it still runs."
    if not state.is_unreachable:
        return asked
    late = f"it should have reported {duration(store.now() - state.lease_until)} ago"
    if request.is_here:
        return f"{asked} The store learns of its end when {worker} is back: {late}."
    return (
        f"is stopped as soon as {worker} is back: {late}. If it does not come back, the task is"
        " ended as lost."
    )


def _wait(store: RedisStore, task_id: str, name: str) -> int:
    statuses: list[Status] = []

    def look(state: TaskState) -> bool:
        statuses.append(state.status)
        return state.status.is_final

    watch(store, task_id, look, say)
    print(f"Task {name} is {statuses[-1]}.")
    return exit_code(statuses[-1])
