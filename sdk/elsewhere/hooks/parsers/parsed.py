"""What a library's parsers return in this process, and the task that records it.

Programs parse before `Task.init` as often as after it, so parsers are watched from the import of
the SDK on. What was parsed is remembered until a task is attached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from elsewhere.core.late_logger import late_logger
from elsewhere.core.when_imported import when_imported
from elsewhere.hooks.launch import LAUNCH

if TYPE_CHECKING:
    from elsewhere.core.records import Parameter
    from elsewhere.hooks.parsers.parse import Parse
    from elsewhere.report.recorder import Recorder

logger = late_logger(__name__)

#: gives the overrides while no task is attached: None on a local run
OverridesSource = Callable[[], "Mapping[str, Parameter] | None"]


class Watcher(Protocol):
    """Gives patched parsers the edits of a remote run and takes what they have parsed."""

    def parse(self, parser: object, program: str, words: object = None) -> Parse:
        """Begins a parse by the `parser` of a `program`. `words` are those that it is given, in
        place of the command line of this process."""


class Parsed:
    """One library's `Watcher`, and what its parses share; `attach` is the library's hook.

    When the program imports `module`, `patch` of our module `patching` is called, never before. It
    takes the watcher and returns its undo.
    """

    def __init__(self, module: str, patching: str) -> None:
        self._module = module
        self._patching = patching
        self._source: OverridesSource = lambda: None
        self._recorder: Recorder | None = None
        self._undo: list[Callable[[], None]] = []
        self.values: dict[str, Parameter] = {}
        self.claims: dict[str, Parse] = {}
        self._printed: set[str] = set()

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
        if self._recorder is not None:  # names belong to the parses of one task
            self.claims.clear()
        self._recorder = recorder
        self._record(self.values)

        def detach() -> None:
            if self._recorder is recorder:  # not yet replaced by a later task
                self._recorder = None
                self.claims.clear()
            if not was_watched:
                self._stop()

        return detach

    def overrides(self) -> Mapping[str, Parameter] | None:
        return self._source() if self._recorder is None else self._recorder.overrides()

    def parse(self, parser: object, program: str, words: object = None) -> Parse:
        from elsewhere.hooks.parsers.parse import Parse  # noqa: PLC0415 - weight

        is_again = any(claim.is_command_line for claim in self.claims.values())
        is_typed = LAUNCH.has_typed(words, is_again=is_again)
        is_child = LAUNCH.role() == "child"
        return Parse(
            self, parser, program, is_command_line=is_typed and not is_child, is_child=is_child
        )

    def take(self, values: Mapping[str, Parameter]) -> None:
        new = {name: value for name, value in values.items() if self.values.get(name) != value}
        self.values |= new
        self._record(new)

    def print_once(self, sentence: str) -> None:
        if sentence not in self._printed:
            self._printed.add(sentence)
            from elsewhere.core.say import say  # noqa: PLC0415 - weight

            say(sentence)

    def _watch(self) -> bool:
        """Patches the parsers, once imported; returns False if that was done already."""
        if self._undo:
            return False

        def patch(_module: ModuleType) -> None:
            patching = import_module(f"{__package__}.{self._patching}")
            self._undo.append(patching.patch(self))

        self._undo.append(when_imported(self._module, patch))
        return True

    def _stop(self) -> None:
        while self._undo:
            self._undo.pop()()
        self.values.clear()
        self.claims.clear()
        self._printed.clear()
        self._recorder = None
        self._source = lambda: None

    def _record(self, values: Mapping[str, Parameter]) -> None:
        if self._recorder is None or LAUNCH.role() == "rank":  # rank 0 records what all have
            return
        from elsewhere.core.events import Parameters  # noqa: PLC0415 - weight

        known = self._recorder.overrides() or {}
        new = {name: value for name, value in values.items() if _is_news(value, known.get(name))}
        if new:
            self._recorder.record(Parameters(values=new))


def _is_news(value: Parameter, known: Parameter | None) -> bool:
    """Whether a parsed value is to be recorded beside what the task has: not if that is an edit."""
    if known is None:
        return True
    from elsewhere.core.params import is_same  # noqa: PLC0415 - weight

    return not known.is_edit and not is_same(value.value, known.value)


def record(parse: Parse, values: Callable[[], Mapping[str, Parameter]]) -> None:
    """Records the parsed `values`; an error is logged, and the program goes on."""
    try:
        parse.take(values())
    except Exception:  # an outermost seam: the program goes on
        logger.warning("The arguments of %s are not recorded.", parse.program, exc_info=True)
