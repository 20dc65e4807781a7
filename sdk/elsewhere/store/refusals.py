"""Why a store refuses: the same sentences from every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.core.choices import Status
from elsewhere.core.errors import FencedError, NotFoundError, TransitionError

if TYPE_CHECKING:
    from collections.abc import Collection

#: what waits or runs cannot be deleted
BUSY = frozenset({Status.QUEUED, Status.IN_PROGRESS})


def unknown(task_id: str) -> NotFoundError:
    return NotFoundError(f"There is no task with the id {task_id!r} in the store.")


def fenced(task_id: str, attempt: int, status: str) -> FencedError:
    """The error for an attempt that may not go on; `status` is empty for a missing task."""
    if not status:
        return FencedError(f"Task {task_id} is gone: it was deleted while attempt {attempt} ran.")
    return FencedError(f"Attempt {attempt} of task {task_id} is not the newest one any more.")


def may_not_write(task_id: str, attempt: int, status: str) -> FencedError:
    what = f"it is {status}, by a newer attempt" if status else "it was deleted"
    return FencedError(f"Attempt {attempt} of task {task_id} may not write: {what}.")


def refused(
    task_id: str, status: str, wanted: str, allowed: Collection[Status]
) -> TransitionError | NotFoundError:
    if not status:
        return unknown(task_id)
    legal = ", ".join(sorted(map(str, allowed)))
    is_done = status in (Status.COMPLETED, Status.PUBLISHED)
    advice = " Clone it and enqueue the clone." if wanted == "enqueued" and is_done else ""
    advice = " Clone it and change the clone." if wanted == "changed" else advice
    return TransitionError(
        f"Task {task_id} cannot be {wanted}: it is {status}, and only these may be: {legal}."
        f"{advice}"
    )
