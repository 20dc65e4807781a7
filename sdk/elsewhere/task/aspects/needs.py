"""What a task needs of the machine that runs it, and its rank among those that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.checks import checked_bytes, checked_seconds, checked_whole, is_number, plain
from elsewhere.core.errors import UsageError
from elsewhere.core.late_logger import late_logger
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from elsewhere.core.records import Needs

logger = late_logger(__name__)

#: GPUs of a task at most: no machine has so many
_MOST_GPUS: Final = 1000


class NeedsAspect(Handle):
    """Needs can be changed while the task is a draft, waits, or runs, for its next run.

    They travel with clones. In the run of an agent nothing is changed: there the task's own count,
    and the script only repeats its earlier calls.
    """

    def set_resources(
        self,
        *,
        gpus: float | str | None = None,
        cpus: int | str | None = None,
        memory: int | str | None = None,
        disk: int | str | None = None,
    ) -> None:
        """Sets what the task gets of the machine that runs it: `gpus`, a whole number, 0 for none,
        or the share of one, such as 0.5; `cpus`, whole cores; `memory` of all its processes and
        `disk` for its run folder, in bytes or as a text such as "32GB". It may use no more: a task
        that takes more memory or disk is ended.

        None leaves what is there; "" clears it, and the agent's settings count. It waits until an
        agent has that much free, and one that never has runs others: `agent status` there says so.
        Raises UsageError for a wrong argument, and TransitionError for a task that has ended.
        """
        from dataclasses import replace  # noqa: PLC0415

        changes: dict[str, Any] = {
            name: checked(given)
            for name, given, checked in (
                ("gpus", gpus, _gpus),
                ("cpus", cpus, _cpus),
                ("memory_bytes", memory, lambda given: _bytes("The memory", given)),
                ("disk_bytes", disk, lambda given: _bytes("The disk", given)),
            )
            if given is not None
        }
        if changes:
            self._ask_for(needs=replace(self.access.record.needs, **changes))

    def get_resources(self) -> dict[str, float | None]:
        """What the task needs: gpus, cpus, memory and disk, these in bytes; None where it names
        nothing."""
        needs: Needs = self.access.record.needs
        return {
            "gpus": needs.gpus,
            "cpus": needs.cpus or None,
            "memory": needs.memory_bytes or None,
            "disk": needs.disk_bytes or None,
        }

    def set_time_limit(self, seconds: float) -> None:
        """Lets the program run for at most so many `seconds`; 0 for no limit. Then it is stopped,
        with its abort callback and its grace, and has failed. The agent's own limit may be less.
        Raises UsageError for a wrong argument, and TransitionError for a task that has ended."""
        self._ask_for(time_limit_s=checked_seconds("The time limit", seconds))

    def set_priority(self, priority: int) -> None:
        """Sets the rank among the tasks of a queue: those of a higher `priority` go first, 0 is the
        usual one. One that waits gets its new place at once. Raises UsageError for what is not a
        whole number."""
        from elsewhere.store.queues import Queues  # noqa: PLC0415

        priority = checked_whole("The priority", priority)
        if self.access.run is not None:
            self._ask_for(priority=priority)
        else:
            Queues(self.access.store).prioritize(self.id, priority)

    def _ask_for(self, **changes: Any) -> None:
        from elsewhere.core.choices import Status  # noqa: PLC0415
        from elsewhere.store.states import EDITABLE  # noqa: PLC0415

        if self.access.run is not None and self.access.run.is_remote:
            logger.debug("task %s runs on an agent: its %s stay", self.id, ", ".join(changes))
            return
        self.access.store.edit(self.id, allowed=EDITABLE | {Status.QUEUED}, **changes)


def _gpus(given: object) -> float | None:
    if given == "":
        return None
    if not is_number(given) or not (0 < given < 1 or given in range(_MOST_GPUS)):
        raise UsageError(
            "The number of GPUs must be a whole number, or the share of one below 1, not"
            f" {given!r:.80}."
        )
    return float(plain(given))


def _cpus(given: object) -> int:
    return 0 if given == "" else checked_whole("The number of cores", given, 0)


def _bytes(what: str, given: object) -> int:
    return 0 if given == "" else checked_bytes(what, given)
