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

from typing import Final

from elsewhere.records import Status

__all__ = ["EDITABLE", "MOVES", "allowed", "is_verdict", "sources"]

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


def is_verdict(status: Status) -> bool:
    """Whether a program may say of itself that it ends so: not that it waits or goes on."""
    return status.is_final or status is Status.CREATED
