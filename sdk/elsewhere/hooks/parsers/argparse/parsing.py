"""The patched parsers: their results have a watcher's overrides and are given to the watcher.

    program -> parse_args -> parse_known_args (patched) -> the original
                                  |                           -> sub-command (patched) -> its parser
                                  |-> overrides into the result
                                  |-> result to the watcher

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
from elsewhere.hooks.parsers.argparse.arguments import (
    arguments,
    as_if_given,
    cast_argument,
    command_name,
    commands,
    to_argument,
)
from elsewhere.hooks.parsers.parsed import Watcher, record
from elsewhere.hooks.parsers.values import is_effective, refuse
from elsewhere.hooks.replacing import replace_all

#: libraries that parse with argparse for themselves, or that have a hook of their own
_LIBRARIES: Final = ("fire", "hydra", "jsonargparse")


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
        overrides = self._watcher.overrides()
        self._parsers.append(parser)
        try:
            with as_if_given(parser, overrides or {}):
                namespace, rest = original(parser, *given, **named)
            if overrides is not None:
                self._apply(parser, namespace, overrides)
            record(self._watcher, parser.prog, lambda: self._values(parser, namespace))
        finally:
            self._parsers.pop()
            if not self._parsers:
                self._chosen.clear()
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
        """Runs a sub-command; one that an override chooses, without the arguments of the other."""
        override = _command_override(parser, action, self._watcher.overrides())
        if override is not None and override != values[0]:
            values = [override]
        self._chosen[action] = values[0]
        original(action, parser, namespace, values, *option)

    def _apply(
        self, parser: ArgumentParser, namespace: Namespace, overrides: Mapping[str, Parameter]
    ) -> None:
        for command in commands(parser):
            override = _command_override(parser, command, overrides)
            if override is not None and command not in self._chosen:
                command(parser, namespace, [override])
        for name, action in arguments(parser).items():
            parsed = None
            if hasattr(namespace, action.dest):
                parsed = to_argument(parser, action, getattr(namespace, action.dest))
            if name in overrides and is_effective(overrides[name], parsed):
                try:
                    value = cast_argument(parser, action, overrides[name], name)
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


def _command_override(
    parser: ArgumentParser, action: Action, overrides: Mapping[str, Parameter] | None
) -> str | None:
    """Returns the sub-command that the overrides choose, or None."""
    name = command_name(action)
    override = (overrides or {}).get(name)
    if override is None or override.value in (None, ""):
        return None
    command = str(override.value)
    choices = action.choices or ()
    if command not in choices:
        known = known_choices(command, choices)
        refuse(parser.prog, UsageError(f"Parameter {name!r} cannot be {command!r}. {known}"))
    return command
