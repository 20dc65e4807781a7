"""Where a task stands, out of the fields of its state as every store keeps them: as texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.codec import decode
from elsewhere.records import Outcome, Status, TaskState

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_state"]


def read_state(fields: Mapping[str, str], now: float) -> TaskState:
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
        last_iteration=int(number("last_iteration")),
        stop_requested_at=number("stop_requested_at"),
        message=fields.get("message", ""),
        outcome=decode(Outcome, fields["outcome"]) if fields.get("outcome") else None,
        is_unreachable=is_running and 0 < lease_until < now,
    )
