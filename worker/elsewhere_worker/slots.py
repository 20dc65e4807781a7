"""Slots: the room that an agent has for attempts, and the needs of one attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from elsewhere.core.records import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The needs of a task."""

    gpus: int = 0
    memory_bytes: int = 0

    @classmethod
    def of(cls, environment: Environment) -> Needs:
        """The needs of a task with this `environment`."""
        return cls(gpus=environment.gpus, memory_bytes=environment.memory_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Room for one attempt, with devices of its own."""

    devices: tuple[str, ...] = ()


class Slots:
    """Gives out `count` slots. `in_use` returns those of all supervisions: a slot is not given back
    by hand, and so none is lost with the store's answer to a claim."""

    def __init__(self, count: int, in_use: Callable[[], Collection[Slot]]) -> None:
        self._count = count
        self._in_use = in_use

    @property
    def is_full(self) -> bool:
        """True if a task cannot get a slot, whatever it needs."""
        return len(self._in_use()) >= self._count

    def take(self, needs: Needs) -> Slot | None:
        """A slot that meets the `needs` of a task; None if there is none now.

        Every task needs one slot today. For one thread: a slot is free until `in_use` names it.
        """
        return None if self.is_full else Slot()
