"""The duty of every agent for all tasks, done by one agent at a time.

It ends lost attempts, pushes queued tasks again whose queue entry got lost, notes which blobs tasks
name that an earlier version has written, and removes the users of Redis that runs have left. The
hold-off that keeps owners from being reaped because *Redis* was away is kept in Redis: it survives
the agents.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Reason, Status
from elsewhere.core.records import Outcome
from elsewhere_worker.lending import sweep

if TYPE_CHECKING:
    from elsewhere.store.queues import Queues
    from elsewhere.store.redis.store import RedisStore
    from elsewhere_worker.duty import Troubles
    from elsewhere_worker.settings import WorkerSettings

logger = logging.getLogger(__name__)

#: seconds that a queued task may lack an entry: another agent may be between pop and claim
_ENTRY_S: Final = 10.0


class Reaper:
    """Sweeps over all tasks; call `sweep` every few seconds."""

    def __init__(
        self, store: RedisStore, queues: Queues, settings: WorkerSettings, troubles: Troubles
    ) -> None:
        self._store = store
        self._queues = queues
        self._settings = settings
        self._troubles = troubles

    def sweep(self) -> None:
        settings = self._settings
        swept = self._store.sweep(sweep_s=settings.sweep_s, hold_s=settings.hold_s)
        if not swept.is_mine:
            return
        for task_id in swept.over:
            with self._troubles.noted("reap"):  # one that is damaged must not keep the others
                self._reap(task_id)
        for task_id in self._store.due():
            with self._troubles.noted("run again"):
                self._queues.push_again(task_id)
        self._reconcile()
        with self._troubles.noted("note blobs"):
            self._store.name_blobs()
        with self._troubles.noted("sweep users"):
            sweep(settings, self._store)

    def _reap(self, task_id: str) -> None:
        minutes = self._settings.lost_after_s / 60
        outcome = Outcome(
            reason=Reason.LOST, message=f"Nobody has reported for it for {minutes:g} minutes."
        )
        status = self._store.reap(
            task_id, lost_after_s=self._settings.lost_after_s, outcome=outcome
        )
        if status is not None:
            logger.warning("task %s: its attempt is lost, it is %s", task_id, status)
            if status is Status.QUEUED:
                self._queues.push_again(task_id)

    def _reconcile(self) -> None:
        waiting = self._store.queued(older_than_s=min(_ENTRY_S, self._settings.lease_s))
        entries = {queue: self._queues.entries(queue) for queue in set(waiting.values()) if queue}
        for task_id, queue in waiting.items():
            if queue and task_id not in entries[queue]:
                logger.warning("task %s: its entry in %r was lost, pushed again", task_id, queue)
                with self._troubles.noted("push again"):
                    self._queues.push_again(task_id)
