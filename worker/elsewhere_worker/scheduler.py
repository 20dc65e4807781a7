"""The scheduler: which of the tasks that wait is next, and what it gets.

Entries are looked at in their order; the first that fits is next. What the first that does not fit
needs is kept for it from then on: smaller ones behind it get the rest, and so it comes to its turn
when enough others have ended. One that needs more than all that may be given out is passed over,
with a sentence, and keeps nothing.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from elsewhere.core.records import Needs
from elsewhere.core.wording import number, size
from elsewhere_sandbox.slot import Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from elsewhere.store.queues import Entry

logger = logging.getLogger(__name__)

#: shares of a device add up to one only nearly
_NEARLY: Final = 1e-6
#: tasks that are passed over, of which others see why
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """All that an agent may give out: `devices` with their memory in bytes, ... `limits` are those
    of one slot, and what a task gets that names nothing."""

    slots: int
    devices: Mapping[str, int] = field(default_factory=dict)
    cores: tuple[int, ...] = ()
    memory_bytes: int = 0
    limits: Needs = field(default_factory=Needs)
    shares_devices: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The queues, the first one first; `gpus` are those of a task that names none, by queue.

    `is_fair_to_queues`: they take turns. `is_fair_to_users`: within a queue and a priority it is
    the turn of who has least now.
    """

    queues: tuple[str, ...]
    gpus: Mapping[str, float] = field(default_factory=dict)
    is_fair_to_queues: bool = False
    is_fair_to_users: bool = False


class Scheduler:
    """Chooses for one agent. `passed_over`: why tasks cannot be run here, each as its id and a
    sentence: the first ones of the last look that chose none."""

    def __init__(self, capacity: Capacity, order: Order) -> None:
        self._capacity = capacity
        self._order = order
        self._last = ""
        self.passed_over: tuple[str, ...] = ()

    def choose(
        self,
        waiting: Callable[[str], Iterable[Entry]],
        held: Collection[Slot],
        busy: Callable[[], Collection[str]] = tuple,
    ) -> tuple[Entry, Slot] | None:
        """The entry that is next, with its slot; None if none fits now. `waiting` yields those of a
        queue, `held` are the slots that attempts have, and `busy` gives the devices that others
        use, as far as no attempt has them: it is asked only if that matters."""
        if len(held) >= self._capacity.slots:
            return None
        left, has_kept, over = _Left(self._capacity, held, busy), False, list[str]()
        lines = (self._in_order(waiting(name), held) for name in self._names())
        for entry in chain.from_iterable(lines):
            needs = left.resolved(entry.needs, self._order.gpus.get(entry.queue))
            if why := left.refusal(needs):
                over.append(f"{entry.item.decode(errors='replace'):.32} {why}")
            elif slot := left.slot(needs):
                self._last = entry.queue
                return entry, replace(slot, user=entry.user)
            elif not has_kept:
                left.keep(needs)
                has_kept = True
        self._note(over[:_SHOWN])  # whole queues may be for other machines
        return None

    def _note(self, over: list[str]) -> None:
        for line in over:
            if line not in self.passed_over:
                logger.warning("task %s is passed over. %s", *line.split(" ", 1))
        self.passed_over = tuple(over)

    def _names(self) -> tuple[str, ...]:
        names = self._order.queues
        if not self._order.is_fair_to_queues or self._last not in names:
            return names
        behind = names.index(self._last) + 1
        return names[behind:] + names[:behind]

    def _in_order(self, line: Iterable[Entry], held: Collection[Slot]) -> Iterable[Entry]:
        if not self._order.is_fair_to_users:
            return line
        has: dict[str, float] = {}
        for slot in held:
            has[slot.user] = has.get(slot.user, 0.0) + slot.weight
        return sorted(line, key=lambda entry: (-entry.priority, has.get(entry.user, 0.0)))


class _Left:
    """What is left of a capacity during one look."""

    def __init__(
        self, capacity: Capacity, held: Collection[Slot], busy: Callable[[], Collection[str]]
    ) -> None:
        self._capacity = capacity
        self._busy = busy
        self._has_asked = False
        # What of each device is free. One that others use is not there.
        self._free = dict.fromkeys(capacity.devices, 1.0)
        for slot in held:
            for device in self._free.keys() & set(slot.devices):
                self._free[device] -= slot.share
        taken = {core for slot in held for core in slot.cores}
        self._cores = [core for core in capacity.cores if core not in taken]
        self._memory_bytes = capacity.memory_bytes - sum(slot.memory_bytes for slot in held)

    def resolved(self, needs: Needs, gpus: float | None) -> Needs:
        """The needs with what the queue or the agent gives a task that names nothing."""
        capacity, limits = self._capacity, self._capacity.limits
        gpus = gpus if needs.gpus is None else needs.gpus
        if gpus is None:  # an equal part of those that there are
            self._ask()
            gpus = max(1, len(self._free) // capacity.slots) if capacity.devices else 0
        elif gpus:
            self._ask()
        return replace(
            needs,
            gpus=gpus if capacity.shares_devices or gpus >= 1 else math.ceil(gpus),
            cpus=needs.cpus or limits.cpus,
            memory_bytes=needs.memory_bytes or limits.memory_bytes,
            disk_bytes=needs.disk_bytes or limits.disk_bytes,
        )

    def _ask(self) -> None:
        """Looks which devices others use, at most once a look: a driver takes some time."""
        if not self._has_asked and any(free > 1 - _NEARLY for free in self._free.values()):
            for device in self._busy():
                if self._free.get(device, 0.0) > 1 - _NEARLY:
                    del self._free[device]
        self._has_asked = True

    def refusal(self, needs: Needs) -> str:
        """Why the needs cannot be met, even if all attempts had ended; empty if they can."""
        capacity, limits, gpus = self._capacity, self._capacity.limits, needs.gpus or 0
        memory_bytes = limits.memory_bytes or capacity.memory_bytes
        for what, wanted, most in (
            ("GPUs", gpus, len(capacity.devices)),
            ("cores", needs.cpus, limits.cpus or len(capacity.cores)),
            ("memory", needs.memory_bytes, memory_bytes),
            ("disk", needs.disk_bytes, limits.disk_bytes or needs.disk_bytes),
        ):
            if wanted > most:
                pair = [
                    size(int(one)) if what in ("memory", "disk") else number(one)
                    for one in (wanted, most)
                ]
                return f"Its need of {what} is {pair[0]}, and the most here is {pair[1]}."
        if gpus > len(self._free):
            count, used = len(capacity.devices), len(capacity.devices) - len(self._free)
            return f"Its need of GPUs is {number(gpus)}, and of the {count} here others use {used}."
        return ""

    def slot(self, needs: Needs) -> Slot | None:
        """A slot that meets the needs; None if what is left does not."""
        gpus = needs.gpus or 0
        share = gpus if 0 < gpus < 1 else 1.0
        fitting = [device for device, free in self._free.items() if free > share - _NEARLY]
        fitting.sort(key=lambda device: self._free[device])  # a part of one that is shared already
        count = math.ceil(gpus)
        has_memory = not needs.memory_bytes or needs.memory_bytes <= self._memory_bytes
        if len(fitting) < count or len(self._cores) < needs.cpus or not has_memory:
            return None
        return Slot(
            devices=tuple(fitting[:count]),
            share=share,
            device_bytes=int(self._capacity.devices[fitting[0]] * share) if share < 1 else 0,
            hides_devices=not count and bool(self._capacity.devices),
            cores=tuple(self._cores[: needs.cpus]),
            memory_bytes=needs.memory_bytes,
            disk_bytes=needs.disk_bytes,
        )

    def keep(self, needs: Needs) -> None:
        """Keeps what the needs are for: of devices those that have most free, which only grows."""
        count = math.ceil(needs.gpus or 0)
        for device in sorted(self._free, key=lambda device: -self._free[device])[:count]:
            self._free[device] = 0.0
        del self._cores[: needs.cpus]
        self._memory_bytes -= needs.memory_bytes
