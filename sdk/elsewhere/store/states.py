"""The moves that a task's status may make.

    from          to, without force
    created       queued in_progress
    queued        created in_progress stopped
    in_progress   stopped failed completed created
    stopped       closed created failed queued in_progress published completed
    completed     published in_progress created
    failed        created stopped published queued
    closed        created failed published stopped
    published     -

What makes the move names the statuses that it may come from; the store's script compares and sets.
A queued task comes back from the queue with the status that it had before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Status
from elsewhere.core.codec import decode, encode
from elsewhere.core.errors import RecordError
from elsewhere.core.records import Outcome, TaskState

if TYPE_CHECKING:
    from collections.abc import Mapping

_S = Status

MOVES: Final[dict[Status, frozenset[Status]]] = {
    _S.CREATED: frozenset({_S.QUEUED, _S.IN_PROGRESS}),
    _S.QUEUED: frozenset({_S.CREATED, _S.IN_PROGRESS, _S.STOPPED}),
    _S.IN_PROGRESS: frozenset({_S.STOPPED, _S.FAILED, _S.COMPLETED, _S.CREATED}),
    _S.STOPPED: frozenset(set(_S) - {_S.STOPPED}),
    _S.COMPLETED: frozenset({_S.PUBLISHED, _S.IN_PROGRESS, _S.CREATED}),
    _S.FAILED: frozenset({_S.CREATED, _S.STOPPED, _S.PUBLISHED, _S.QUEUED}),
    _S.CLOSED: frozenset({_S.CREATED, _S.FAILED, _S.PUBLISHED, _S.STOPPED}),
    _S.PUBLISHED: frozenset(),
}

#: where parameters and other inputs of a task may be edited from outside
EDITABLE: Final = frozenset({_S.CREATED, _S.IN_PROGRESS})


def sources(target: Status) -> frozenset[Status]:
    """The statuses from which a task may come to `target`."""
    return frozenset(status for status, targets in MOVES.items() if target in targets)


def allowed(target: Status, *, force: bool = False) -> frozenset[Status]:
    """The statuses from which a person may bring a task to `target`: also from that one itself, and
    from everywhere with `force`."""
    return frozenset(Status) if force else sources(target) | {target}


def text_of(value: object) -> str:
    """A value of the state as `read_state` and the scripts of Redis read it."""
    if isinstance(value, bool):
        return str(int(value))
    return str(value) if isinstance(value, str) else encode(value)


def read_state(task_id: str, fields: Mapping[str, str], now: float) -> TaskState:
    """The state of a task, from its fields as a store keeps them: as texts. Raises RecordError."""
    try:
        return _read_state(fields, now)
    except (KeyError, ValueError, OverflowError, RecordError) as error:
        raise RecordError(f"The state of task {task_id} cannot be read: {error}.") from error


def _read_state(fields: Mapping[str, str], now: float) -> TaskState:
    def number(name: str) -> float:
        return float(fields.get(name) or 0)

    lease_until = number("lease_until")
    status = Status(fields["status"])
    is_running = status is Status.IN_PROGRESS
    progress = fields.get("progress")
    return TaskState(
        status=status,
        previous_status=Status(fields.get("previous_status") or Status.CREATED),
        attempt=int(fields.get("attempt") or 0),
        worker=fields.get("worker", ""),
        queue=fields.get("queue", ""),
        lease_until=lease_until if is_running else 0.0,
        queued_at=number("queued_at"),
        started_at=number("started_at"),
        ended_at=number("ended_at"),
        updated_at=number("updated_at"),
        progress=float(progress) if progress else None,
        last_iteration=int(fields.get("last_iteration") or 0),
        stop_requested_at=number("stop_requested_at"),
        message=fields.get("message", ""),
        outcome=decode(Outcome, fields["outcome"]) if fields.get("outcome") else None,
        is_unreachable=is_running and 0 < lease_until < now,
        failures=int(fields.get("failures") or 0),
        losses=int(fields.get("losses") or 0),
        due_at=number("due_at"),
        avoids=fields.get("avoids", ""),
    )
