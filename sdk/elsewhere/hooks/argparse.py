"""argparse: every argument that a parser returns is a parameter, and a remote run's parameters
are every parser's values.

Programs parse before `Task.init` as often as after it, so the parsers are watched from the import
of the SDK on. What was parsed is remembered until a task wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Final

from elsewhere.imports import when_imported

if TYPE_CHECKING:
    from elsewhere.hooks.api import Recorder
    from elsewhere.records import Parameter

__all__ = ["attach", "watch"]

Pending = Callable[[], "Mapping[str, Parameter] | None"]


def watch(pending: Pending) -> Callable[[], None]:
    """Watches all parsers of this process from now on. Returns how to stop that.

    `pending` gives the overrides while no task is attached: None on a local run. With overrides, a
    parser's result has the parameters' values: arguments that they give are not missing, another
    sub-command is parsed in place of the one on the command line. A value that the argument does
    not take ends the process with status 2, as argparse does.
    """
    _parsed.pending = pending
    _parsed.watch()
    return _parsed.stop


def attach(recorder: Recorder) -> Callable[[], None]:
    """Records what has been parsed so far, then what is parsed until the returned call."""
    was_watched = not _parsed.watch()
    _parsed.attach(recorder)

    def detach() -> None:
        _parsed.detach(recorder)
        if not was_watched:
            _parsed.stop()

    return detach


class _Parsed:
    """What this process has parsed, and the task that wants to know."""

    def __init__(self) -> None:
        self.pending: Pending = _nothing
        self._recorder: Recorder | None = None
        self._values: dict[str, Parameter] = {}
        self._undo: list[Callable[[], None]] = []

    def watch(self) -> bool:
        """False when it does already."""
        if self._undo:
            return False

        def patch(_argparse: ModuleType) -> None:
            from elsewhere.hooks import parsers  # noqa: PLC0415 - weight: it imports argparse

            self._undo.append(parsers.patch(self))

        self._undo.append(when_imported("argparse", patch))
        return True

    def stop(self) -> None:
        while self._undo:
            self._undo.pop()()
        self._values.clear()
        self._recorder = None
        self.pending = _nothing

    def attach(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._record(self._values)

    def detach(self, recorder: Recorder) -> None:
        if self._recorder is recorder:
            self._recorder = None

    def overrides(self) -> Mapping[str, Parameter] | None:
        return self.pending() if self._recorder is None else self._recorder.overrides()

    def take(self, values: Mapping[str, Parameter]) -> None:
        """Remembers and records what is new in what a parser has returned."""
        new = {name: value for name, value in values.items() if self._values.get(name) != value}
        self._values |= new
        self._record(new)

    def _record(self, values: Mapping[str, Parameter]) -> None:
        if self._recorder is None:
            return
        from elsewhere.events import Parameters  # noqa: PLC0415 - weight

        known = self._recorder.overrides() or {}
        if new := {name: value for name, value in values.items() if name not in known}:
            self._recorder.record(Parameters(values=new))


def _nothing() -> None:
    """The overrides of a local run."""


#: The process's, not the task's: parsers are patched for the whole process, and before any task.
_parsed: Final = _Parsed()
