"""What a hook is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.report.recorder import OwnRun

__all__ = ["Hook"]


class Hook(Protocol):
    """What is done when a library is used: from the call on, until the returned call.

    A hook that needs less of the run says so: those of parsers take a `Recorder`.
    """

    def __call__(self, run: OwnRun, /) -> Callable[[], None]: ...
