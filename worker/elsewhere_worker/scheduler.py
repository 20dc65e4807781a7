"""The scheduler: which of the tasks that wait is next, and what it gets. It asks and does nothing.

Entries are looked at in their order; the first that fits is next. What the first that does not fit
needs is kept for it from then on: smaller ones behind it get the rest, and so it comes to its turn
when enough others have ended. One that needs more than all that may be given out is passed over,
with a sentence, and keeps nothing.
"""

from __future__ import annotations

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

#: shares of a device add up to one only nearly
_NEARLY: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
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
    """Chooses for one agent. `passed_over`: of the last look, why tasks cannot be run, by item."""

    def __init__(self, room: Room, order: Order) -> None:
        self._room = room
        self._order = order
        self._last = ""
        self.passed_over: dict[bytes, str] = {}

    def choose(
        self,
        waiting: Callable[[str], Iterable[Entry]],
        held: Collection[Slot],
        busy: Callable[[], Collection[str]] = tuple,
    ) -> tuple[Entry, Slot] | None:
        """The entry that is next, with its slot; None if none fits now. `waiting` yields those of a
        queue, `held` are the slots that attempts have, and `busy` gives the devices that others
        use, as far as no attempt has them: it is asked only if that matters."""
        self.passed_over = {}
        if len(held) >= self._room.slots:
            return None
        left, has_kept = _Left(self._room, held, busy), False
        lines = (self._in_order(waiting(name), held) for name in self._names())
        for entry in chain.from_iterable(lines):
            needs = left.resolved(entry.needs, self._order.gpus.get(entry.queue))
            if why := left.refusal(needs):
                self.passed_over[entry.item] = why
            elif slot := left.slot(needs):
                self._last = entry.queue
                return entry, replace(slot, user=entry.user)
            elif not has_kept:
                left.keep(needs)
                has_kept = True
        return None

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
    """What is left of a room during one look."""

    def __init__(
        self, room: Room, held: Collection[Slot], busy: Callable[[], Collection[str]]
    ) -> None:
        self._room = room
        self._busy = busy
        self._has_asked = False
        # What of each device is free. One that others use is not there.
        self._free = dict.fromkeys(room.devices, 1.0)
        for slot in held:
            for device in self._free.keys() & set(slot.devices):
                self._free[device] -= slot.share
        taken = {core for slot in held for core in slot.cores}
        self._cores = [core for core in room.cores if core not in taken]
        self._memory_bytes = room.memory_bytes - sum(slot.memory_bytes for slot in held)

    def resolved(self, needs: Needs, gpus: float | None) -> Needs:
        """The needs with what the queue or the agent gives a task that names nothing."""
        room, limits = self._room, self._room.limits
        gpus = gpus if needs.gpus is None else needs.gpus
        if gpus is None:  # an equal part of those that there are
            self._ask()
            gpus = max(1, len(self._free) // room.slots) if room.devices else 0
        elif gpus:
            self._ask()
        return replace(
            needs,
            gpus=gpus if room.shares_devices or gpus >= 1 else math.ceil(gpus),
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
        room, limits, gpus = self._room, self._room.limits, needs.gpus or 0
        memory_bytes = limits.memory_bytes or room.memory_bytes
        for what, wanted, most in (
            ("GPUs", gpus, len(room.devices)),
            ("cores", needs.cpus, limits.cpus or len(room.cores)),
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
            used = len(room.devices) - len(self._free)
            return (
                f"Its need of GPUs is {number(gpus)}, and of the {len(room.devices)} here others"
                f" use {used}."
            )
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
            device_bytes=int(self._room.devices[fitting[0]] * share) if share < 1 else 0,
            hides_devices=not count and bool(self._room.devices),
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
