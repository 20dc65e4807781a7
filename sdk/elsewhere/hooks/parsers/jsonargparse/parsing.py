"""jsonargparse's patched parsers: their results have the task's edits and are recorded.

The parsers call each other, and are called inside of other calls, such as one that writes a config
file. Only the program's own calls are recorded, the command lines of `CLI` included.
"""

from __future__ import annotations

import threading
from argparse import ArgumentError
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from jsonargparse import ArgumentParser, Namespace

from elsewhere.core.errors import UsageError
from elsewhere.core.nesting import flatten
from elsewhere.core.params import unflatten
from elsewhere.core.records import Parameter
from elsewhere.hooks.callers import calling_module
from elsewhere.hooks.launch import words_of
from elsewhere.hooks.parsers.argparse.arguments import commands
from elsewhere.hooks.parsers.jsonargparse.leaves import (
    as_if_given,
    effective,
    to_leaf,
    to_parameters,
)
from elsewhere.hooks.parsers.parsed import Watcher, record
from elsewhere.hooks.parsers.values import refuse
from elsewhere.hooks.replacing import replace_all

_METHODS: Final = ("parse_args", "parse_object", "parse_path", "parse_string", "parse_env")
#: modules of jsonargparse that parse for the program
_FOR_PROGRAM: Final = ("jsonargparse._cli", "jsonargparse.cli")


def patch(watcher: Watcher) -> Callable[[], None]:
    """Patches the class, for all parsers; returns the undo."""
    parse = _Parsing(watcher).parse
    return replace_all(*((ArgumentParser, method, parse) for method in _METHODS))


class _Parsing(threading.local):
    """Whether a parser is running in this thread."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._is_busy = False

    def parse(
        self,
        original: Callable[..., Namespace],
        parser: ArgumentParser,
        *given: Any,
        **named: Any,
    ) -> Namespace:
        caller = calling_module()
        is_inner = caller.partition(".")[0] == "jsonargparse" and caller not in _FOR_PROGRAM
        if self._is_busy or is_inner:
            return original(parser, *given, **named)
        self._is_busy = True
        try:
            method = original.__name__
            is_words = method == "parse_args"
            source = given[0] if given else named.get("args") if is_words else method
            parse = self._watcher.parse(parser, parser.prog, source)
            edits = parse.edits()
            if edits and not parse.is_command_line:
                edits = parse.unless_given(edits, _given(edits, source))
            with as_if_given(parser, edits):
                parsed = original(parser, *given, **named)
                parsed = _edited(parser, parsed, edits)
            record(parse, lambda: to_parameters(parser, parsed))
        finally:
            self._is_busy = False
        return parsed


def _given(names: Iterable[str], source: object) -> set[str]:
    """Returns the `names` that words, or a dict in their place, give themselves."""
    if isinstance(source, (dict, Namespace)):
        nested = source.as_dict() if isinstance(source, Namespace) else source
        keys = set(flatten(nested, "Args"))
        return {name for name in names if name.replace(".", "/") in keys}
    options = {word.lstrip("-").partition("=")[0] for word in words_of(source)}
    return {name for name in names if name.partition("/")[2] in options}


def _edited(parser: ArgumentParser, parsed: Namespace, edits: Mapping[str, Parameter]) -> Namespace:
    """Returns `parsed` with the edits. One that the parser refuses ends the program."""
    edits = effective(parser, parsed, edits)
    if not edits:
        return parsed
    try:
        leaves = {key: to_leaf(parser, key, edit) for key, edit in edits.items()}
        with _raising(parser):
            try:
                return _with(parser, parsed, leaves)
            except ArgumentError as error:
                key, why = _first_refused(parser, parsed, leaves) or (next(iter(leaves)), error)
                reason = " ".join(str(why).split()).rstrip(".")
                raise UsageError(
                    f"Parameter {f'Args/{key}'!r} cannot be {leaves[key]!r:.200}: {reason}."
                ) from why
    except UsageError as error:
        refuse(parser.prog, error)


def _with(parser: ArgumentParser, parsed: Namespace, leaves: Mapping[str, object]) -> Namespace:
    """Returns `parsed` with the leaves, checked. Raises ArgumentError."""
    nested = unflatten({key.replace(".", "/"): leaf for key, leaf in leaves.items()})
    checked: Namespace = parser.parse_object(nested, parsed)
    return checked


def _first_refused(
    parser: ArgumentParser, parsed: Namespace, leaves: Mapping[str, object]
) -> tuple[str, ArgumentError] | None:
    """Returns the first leaf that breaks a whole namespace; commands and classes come first."""
    applied: dict[str, object] = {}
    chosen = [command.dest for command in commands(parser)]
    was_whole = True
    for key in sorted(leaves, key=lambda key: not (key in chosen or key.endswith("class_path"))):
        applied[key] = leaves[key]
        try:
            _with(parser, parsed, applied)
            was_whole = True
        except ArgumentError as error:
            if was_whole:
                return key, error
            was_whole = False
    return None


@contextmanager
def _raising(parser: ArgumentParser) -> Iterator[None]:
    """Makes the parser, and those of its sub-commands, raise where they would end the process."""
    parsers, waiting = [], [parser]
    while waiting:
        parsers.append(waiting.pop())
        for command in commands(parsers[-1]):
            waiting += command.choices.values()
    was = [one.exit_on_error for one in parsers]
    for one in parsers:
        one.exit_on_error = False
    try:
        yield
    finally:
        for one, is_exiting in zip(parsers, was, strict=True):
            one.exit_on_error = is_exiting
