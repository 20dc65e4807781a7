"""What a connected thing sees of its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from elsewhere.core.events import Event
from elsewhere.core.records import Configuration, Parameter

__all__ = ["AnotherTask", "Record", "Target"]

Record = Callable[[Event], None]


class Target(Protocol):
    """The task: a run, or one that another process is."""

    def record(self, event: Event) -> None:
        """What the program has now, from here on."""
        ...

    def overrides(self) -> Mapping[str, Parameter] | None:
        """`Section/name` to the parameters that the program must use. None on a local run."""
        ...

    def configurations(self) -> Mapping[str, Configuration] | None:
        """The configuration objects that the program must use. None on a local run."""
        ...

    def when_over(self, close: Callable[[], None]) -> None:
        """Called at the end of the run."""
        ...


class AnotherTask:
    """It is told at once, overrides nothing here, and its end is not this process's."""

    def __init__(self, say: Record) -> None:
        self.record = say

    def overrides(self) -> None: ...

    def configurations(self) -> None: ...

    def when_over(self, close: Callable[[], None]) -> None: ...
