"""The one way to request a stop from outside: of the command, of scripts and of the page.

The store stops what waits, or what nobody runs, and the owner of a running attempt finds the
request there. An owner on this machine may be away while its runner goes on, so the runner is left
a note as well, the one that the owner itself would write.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from elsewhere.core.choices import Status
from elsewhere.core.errors import TransitionError
from elsewhere.core.frozen import dataclass
from elsewhere.core.notes import Stop
from elsewhere.store.refusals import BUSY

if TYPE_CHECKING:
    from elsewhere.core.folders import Home, RunFolder
    from elsewhere.core.records import TaskState
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """The result of a request to stop: the status `before` it and the `state` after it. `is_here`:
    the runner is on this machine, and stops also while its owner is away."""

    before: Status
    state: TaskState
    is_here: bool = False

    @property
    def was_over(self) -> bool:
        """Whether the task was neither waiting nor running."""
        return self.before not in BUSY

    @property
    def is_asked(self) -> bool:
        """Whether the attempt's owner has to end it; otherwise the task is stopped by now."""
        return self.before is Status.IN_PROGRESS and self.state.stop_requested_at > 0


def request_stop(
    store: TaskStore,
    home: Home,
    task_id: str,
    *,
    grace_s: float | None = None,
    message: str = "",
    force: bool = False,
) -> StopRequest:
    """Stops a task that is queued or that nobody runs, and leaves its owner a request otherwise.

    Returns at once. Runners of this machine have their folders in `home`; `grace_s` are seconds
    between SIGTERM and SIGKILL, None for the agent's own; `message` becomes the task's. A task that
    is over stays as it is. Raises NotFoundError for an unknown `task_id`, StoreUnavailableError,
    and TransitionError for a task that is over but not stopped, unless by `force`.
    """
    before = store.request_stop(task_id, grace_s=grace_s, message=message)
    if not (force or before in BUSY or before is Status.STOPPED):
        raise TransitionError(f"Task {task_id} cannot be stopped: it is {before}, so nothing runs.")
    # Read behind the request: only so it names the attempt that was asked, which may be a new one.
    request = StopRequest(before=before, state=store.state(task_id))
    if not request.is_asked:
        return request
    folder = home.run_of(task_id, request.state.attempt)
    return replace(request, is_here=_is_noted(folder, Stop(grace_s=grace_s)))


def _is_noted(folder: RunFolder, stop: Stop) -> bool:
    try:
        if not folder.path.is_dir() or folder.acked.exists():
            return False
        stop.write(folder)
    except OSError as error:  # removed just now, or another user's: its owner is asked anyway
        logger.debug("%s: no note can be left: %s", folder.path, error)
        return False
    return True
