"""Slots: the room that an agent has for attempts, and what one of them needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from elsewhere.core.records import Environment

__all__ = ["Needs", "Slot", "Slots"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a task asks for."""

    gpus: int = 0
    memory_bytes: int = 0

    @classmethod
    def of(cls, environment: Environment) -> Needs:
        """Those of a task with this `environment`."""
        return cls(gpus=environment.gpus, memory_bytes=environment.memory_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Room for one attempt, with the devices that are its own."""

    devices: tuple[str, ...] = ()


class Slots:
    """`count` slots. `in_use` gives those of all supervisions: none has to be given back by hand,
    and so none is lost with the store's answer to a claim."""

    def __init__(self, count: int, in_use: Callable[[], Collection[Slot]]) -> None:
        self._count = count
        self._in_use = in_use

    @property
    def is_full(self) -> bool:
        """True if no task gets a slot, whatever it needs."""
        return len(self._in_use()) >= self._count

    def take(self, needs: Needs) -> Slot | None:
        """A slot with what a task `needs`; None if there is none now.

        Every task needs one slot today. For one thread: a slot is free until `in_use` names it.
        """
        return None if self.is_full else Slot()
