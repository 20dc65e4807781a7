"""The patched parsers: their results have the task's edits and are recorded.

    program -> parse_args -> parse_known_args (patched) -> the original
                                  |                           -> sub-command (patched) -> its parser
                                  |-> edits into the result
                                  |-> result to the task

Each parser, also that of a sub-command, deals with its own arguments.
"""

from __future__ import annotations

import argparse
import threading
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from typing import Any, Final

from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.records import Parameter
from elsewhere.hooks.callers import calling_module
from elsewhere.hooks.launch import LAUNCH, words_of
from elsewhere.hooks.parsers.argparse.arguments import (
    arguments,
    as_if_given,
    cast_argument,
    command_name,
    commands,
    given_names,
    to_argument,
)
from elsewhere.hooks.parsers.parse import Parse
from elsewhere.hooks.parsers.parsed import Watcher, record
from elsewhere.hooks.parsers.values import is_effective, refuse
from elsewhere.hooks.replacing import replace_all

#: libraries that parse with argparse for themselves, or that have a hook of their own
_LIBRARIES: Final = ("IPython", "fire", "hydra", "jsonargparse")


def patch(watcher: Watcher) -> Callable[[], None]:
    """Patches the classes, for all parsers; returns the undo."""
    parsing = _Parsing(watcher)
    return replace_all(
        (ArgumentParser, "parse_known_args", parsing.parse),
        (ArgumentParser, "parse_known_intermixed_args", parsing.parse),
        (argparse._SubParsersAction, "__call__", parsing.choose),
    )


class _Parsing(threading.local):
    """The parsers that are running in this thread: they call each other, some also themselves."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._parsers: list[ArgumentParser] = []
        self._parses: list[Parse] = []
        #: the parse that the parser of a sub-command goes on with
        self._continued: Parse | None = None
        self._chosen: dict[Action, str] = {}

    def parse(
        self,
        original: Callable[..., tuple[Namespace, list[str]]],
        parser: ArgumentParser,
        *given: Any,
        **named: Any,
    ) -> tuple[Namespace, list[str]]:
        if any(parser is busy for busy in self._parsers) or _is_called_by_library():
            return original(parser, *given, **named)
        words = given[0] if given else named.get("args")
        parse = self._continued or self._watcher.parse(parser, parser.prog, words)
        is_whole, self._continued = self._continued is None, None
        edits = parse.edits()
        if edits and not parse.is_command_line:
            edits = parse.unless_given(edits, given_names(parser, words_of(words)))
        self._parsers.append(parser)
        self._parses.append(parse)
        try:
            with as_if_given(parser, edits):
                namespace, rest = original(parser, *given, **named)
            self._apply(parser, namespace, edits)
            record(parse, lambda: self._values(parser, namespace))
        finally:
            self._parsers.pop()
            self._parses.pop()
            if not self._parsers:
                self._chosen.clear()
        if is_whole and parse.is_command_line:
            LAUNCH.add_rest(rest)
        return namespace, rest

    def choose(
        self,
        original: Callable[..., None],
        action: argparse._SubParsersAction[Any],
        parser: ArgumentParser,
        namespace: Namespace,
        values: Any,
        *option: Any,
    ) -> None:
        """Runs a sub-command; one that an edit chooses, without the arguments of the other."""
        parse = self._parses[-1] if self._parses else None
        if parse is not None and parse.is_command_line:
            edit = _command_edit(parser, action, parse.edits())
            if edit is not None and edit != values[0]:
                values = [edit]
        self._chosen[action] = values[0]
        self._continued = parse
        original(action, parser, namespace, values, *option)

    def _apply(
        self, parser: ArgumentParser, namespace: Namespace, edits: Mapping[str, Parameter]
    ) -> None:
        for command in commands(parser):
            edit = _command_edit(parser, command, edits)
            if edit is not None and command not in self._chosen:
                command(parser, namespace, [edit])
        for name, action in arguments(parser).items():
            parsed = None
            if hasattr(namespace, action.dest):
                parsed = to_argument(parser, action, getattr(namespace, action.dest))
            if name in edits and is_effective(edits[name], parsed):
                try:
                    value = cast_argument(parser, action, edits[name], name)
                except UsageError as error:
                    refuse(parser.prog, error)
                setattr(namespace, action.dest, value)

    def _values(self, parser: ArgumentParser, namespace: Namespace) -> dict[str, Parameter]:
        values = {
            name: to_argument(parser, action, getattr(namespace, action.dest))
            for name, action in arguments(parser).items()
            if hasattr(namespace, action.dest)
        }
        for command in commands(parser):
            chosen = self._chosen.get(command)
            values[command_name(command)] = to_argument(parser, command, chosen)
        return values


def _is_called_by_library() -> bool:
    return calling_module("argparse").partition(".")[0] in _LIBRARIES


def _command_edit(
    parser: ArgumentParser, action: Action, edits: Mapping[str, Parameter]
) -> str | None:
    """Returns the sub-command that an edit chooses, or None."""
    name = command_name(action)
    edit = edits.get(name)
    if edit is None or edit.value in (None, ""):
        return None
    command = str(edit.value)
    choices = action.choices or ()
    if command not in choices:
        known = known_choices(command, choices)
        refuse(parser.prog, UsageError(f"Parameter {name!r} cannot be {command!r}. {known}"))
    return command
