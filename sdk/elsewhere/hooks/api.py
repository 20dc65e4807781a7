"""What a hook sees of the task, and what a hook is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from elsewhere.core.events import Event
from elsewhere.core.records import Configuration, Parameter

__all__ = ["Hook", "Recorder"]


class Recorder(Protocol):
    """The task, as narrow as a hook needs it."""

    def record(self, event: Event) -> None:
        """Into the task's journal; never raises, never waits."""
        ...

    def configurations(self) -> Mapping[str, Configuration] | None:
        """The configuration objects that this run must use, by name. None on a local run."""
        ...

    def overrides(self) -> Mapping[str, Parameter] | None:
        """`Section/name` to the parameters that this run must use. None on a local run."""
        ...


class Hook(Protocol):
    """What is done when a framework is used: from the call on, until the returned call."""

    def __call__(self, recorder: Recorder) -> Callable[[], None]: ...
