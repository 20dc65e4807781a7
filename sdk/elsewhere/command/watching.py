"""Waiting for a task: woken by what happens, never far behind when an event is missed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Status
from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.core.records import TaskState
    from elsewhere.store.api import Listener, TaskStore

#: what a command that waited for a task returns when the task failed
FAILED: Final = 4

#: seconds after which we look without an event
_LOOK_S: Final = 2.0
#: seconds between two tries, and after which we give up, while the store is away
_RETRY_S: Final = 0.5
_OUTAGE_S: Final = 300.0


def watch(
    store: TaskStore, task_id: str, look: Callable[[TaskState], bool], note: Callable[[str], None]
) -> None:
    """Calls `look` with the state, now and after each change, until it has seen enough.

    What `look` reads from the store is at least as new as the state. It is called again when it
    raised StoreUnavailableError: an outage is noted and waited out for five minutes.
    """
    listener: Listener | None = None
    away_since: float | None = None
    try:
        while True:
            try:
                if listener is None:
                    listener = store.listen_to(task_id)
                if look(store.state(task_id)):
                    return
                if away_since is not None:
                    note("The store is back.")
                    away_since = None
                listener.wait(_LOOK_S)
            except StoreUnavailableError as error:
                if away_since is None:
                    away_since = monotonic_s()
                    note(f"{error} Waiting for it.")
                if monotonic_s() - away_since > _OUTAGE_S:
                    raise
                time.sleep(_RETRY_S)
    finally:
        if listener is not None:
            listener.close()


def exit_code(status: Status) -> int:
    """The exit code for a status: 0, or FAILED."""
    return FAILED if status is Status.FAILED else 0
