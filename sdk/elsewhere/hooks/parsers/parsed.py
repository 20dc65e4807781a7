"""What a library's parsers return in this process, and the task that records it.

Programs parse before `Task.init` as often as after it, so parsers are watched from the import of
the SDK on. What was parsed is remembered until a task is attached.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from elsewhere.core.when_imported import when_imported

if TYPE_CHECKING:
    from elsewhere.core.records import Parameter
    from elsewhere.report.recorder import Recorder

logger = logging.getLogger(__name__)

#: gives the overrides while no task is attached: None on a local run
OverridesSource = Callable[[], "Mapping[str, Parameter] | None"]


class Watcher(Protocol):
    """Gives patched parsers their overrides and takes what they have parsed, by full names."""

    def overrides(self) -> Mapping[str, Parameter] | None:
        """Returns the values that the parsers' results must have; None on a local run."""

    def take(self, values: Mapping[str, Parameter]) -> None:
        """Remembers and records the new ones of the `values` that a parser has returned."""


def patch_of(name: str) -> Callable[[Watcher], Callable[[], None]]:
    """Returns the function `patch` of our module `name`, which is imported when that is called:
    the module imports the library."""

    def patch(watcher: Watcher) -> Callable[[], None]:
        undo: Callable[[], None] = import_module(name).patch(watcher)
        return undo

    return patch


class Parsed:
    """One library's `Watcher`; its method `attach` is the library's hook.

    `patch` is called when `module` is imported, never before, and returns its undo.
    """

    def __init__(self, module: str, patch: Callable[[Watcher], Callable[[], None]]) -> None:
        self._module = module
        self._patch = patch
        self._source: OverridesSource = lambda: None
        self._recorder: Recorder | None = None
        self._values: dict[str, Parameter] = {}
        self._undo: list[Callable[[], None]] = []

    def watch(self, overrides: OverridesSource) -> Callable[[], None]:
        """Watches all parsers of this process from now on; returns the call that stops it.

        `overrides` gives the overrides while no task is attached.
        """
        self._source = overrides
        self._watch()
        return self._stop

    def attach(self, recorder: Recorder) -> Callable[[], None]:
        """Records what has been parsed so far, and what is parsed until the returned call."""
        was_watched = not self._watch()
        self._recorder = recorder
        self._record(self._values)

        def detach() -> None:
            if self._recorder is recorder:  # not yet replaced by a later task
                self._recorder = None
            if not was_watched:
                self._stop()

        return detach

    def overrides(self) -> Mapping[str, Parameter] | None:
        return self._source() if self._recorder is None else self._recorder.overrides()

    def take(self, values: Mapping[str, Parameter]) -> None:
        new = {name: value for name, value in values.items() if self._values.get(name) != value}
        self._values |= new
        self._record(new)

    def _watch(self) -> bool:
        """Patches the parsers, once imported; returns False if that was done already."""
        if self._undo:
            return False

        def patch(_module: ModuleType) -> None:
            self._undo.append(self._patch(self))

        self._undo.append(when_imported(self._module, patch))
        return True

    def _stop(self) -> None:
        while self._undo:
            self._undo.pop()()
        self._values.clear()
        self._recorder = None
        self._source = lambda: None

    def _record(self, values: Mapping[str, Parameter]) -> None:
        if self._recorder is None:
            return
        from elsewhere.core.events import Parameters  # noqa: PLC0415 - weight

        overrides = self._recorder.overrides() or {}
        if new := {name: value for name, value in values.items() if name not in overrides}:
            self._recorder.record(Parameters(values=new))


def record(watcher: Watcher, program: str, values: Callable[[], Mapping[str, Parameter]]) -> None:
    """Gives the parsed `values` to the watcher; an error is logged, and the program goes on."""
    try:
        watcher.take(values())
    except Exception:  # an outermost seam: the program goes on
        logger.warning("The arguments of %s are not recorded.", program, exc_info=True)
