"""The vitals of a daemon: what its health endpoints, systemd and an operator may know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.clock import now_at

if TYPE_CHECKING:
    from elsewhere.store.agents import AgentRecord
    from elsewhere_agent.watch import StoreWatch
    from elsewhere_worker.worker import Worker

#: seconds, beside those between two renewals, after which a thread counts as hanging
_HANGS_S: Final = 60.0


class Vitals:
    """Reads them from the `worker` and the `watch` over its store, at each call anew."""

    def __init__(self, record: AgentRecord, worker: Worker, watch: StoreWatch) -> None:
        self._record = record
        self._worker = worker
        self._watch = watch

    def hanging(self) -> list[str]:
        """A sentence for each thread that does not go round any more: only a restart helps."""
        limit_s = _HANGS_S + self._worker.settings.renew_s
        return [
            f"The thread that is to {work} has hung for {age_s:.0f} s."
            for work, age_s in self._worker.pulse.ages_s().items()
            if age_s > limit_s
        ]

    def plain(self) -> dict[str, Any]:
        """The vitals as plain data, for /status.json."""
        worker, settings = self._worker, self._worker.settings
        return {
            "name": self._record.name,
            "host": self._record.host,
            "pid": self._record.pid,
            "version": self._record.version,
            "started_at": self._record.started_at,
            "at": now_at(),
            "state": worker.intake.closed or "working",
            "is_store_reachable": not self._watch.is_away,
            "queues": list(settings.queues),
            "slots": settings.slots,
            "running": worker.running(),
            "taken": worker.intake.taken,
            "ended": worker.pulse.ended(),
            "hanging": self.hanging(),
            "problems": list(worker.troubles.listed()),
        }
