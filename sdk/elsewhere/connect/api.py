"""The task of another process, as a `Target` that values are connected to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from elsewhere.core.events import Event

Record: TypeAlias = Callable[[Event], None]


class AnotherTask:
    """Takes events at once, overrides nothing here, and does not end with this process."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def overrides(self) -> None: ...

    def configurations(self) -> None: ...

    def when_over(self, close: Callable[[], None]) -> None: ...
