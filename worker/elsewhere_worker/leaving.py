"""Leaving: what a worker does with its supervisions when it ends."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from elsewhere.core.notes import Stop

if TYPE_CHECKING:
    from elsewhere_worker.supervision import Supervision

logger = logging.getLogger(__name__)

#: seconds that supervisions have to end
_LEAVE_S: Final = 2.0
#: seconds beyond the grace that tasks have to end
_STOP_S: Final = 10.0


def leave(supervisions: list[Supervision], *, stop_grace_s: float | None) -> None:
    """Ends the `supervisions`; their runners go on, unless there is a grace to stop them within."""
    if stop_grace_s is not None:
        logger.info("stopping %d tasks", len(supervisions))
        for supervision in supervisions:
            supervision.stop_task(Stop())
        until = time.monotonic() + stop_grace_s + _STOP_S
        while time.monotonic() < until and not all(one.is_stopped() for one in supervisions):
            time.sleep(0.05)
    for supervision in supervisions:
        supervision.leave()
    until = time.monotonic() + _LEAVE_S
    for supervision in supervisions:
        supervision.join(timeout=max(0.0, until - time.monotonic()))
