"""The commands of click, and of the copy of click within typer: their values have the task's edits
and are recorded.

    make_context (patched) -> of each option and argument: handle_parse_result (patched)
          |                        -> consume_value (patched): typed, or prompted, or an edit
          |                        -> type_cast_value (patched): what the callback then gets
          |-> all values to the task
    invoke of a group (patched): which sub-commands run

The value before the callback is recorded: as an edit it goes through the callback again. A value
that was prompted for, or that a variable gave, is an edit from the start: no word has it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from elsewhere.core.errors import UsageError
from elsewhere.core.params import cast, to_text
from elsewhere.core.records import Parameter
from elsewhere.core.secrets import is_hidden
from elsewhere.hooks.parsers.parse import Parse
from elsewhere.hooks.parsers.parsed import Watcher, record
from elsewhere.hooks.parsers.values import is_effective, plain, refuse

if TYPE_CHECKING:
    import click
    from click.core import ParameterSource

_SECTION: Final = "Args"
#: the key of a context's `meta`, which those of sub-commands share, for the parse
_PARSE: Final = "elsewhere.parse"
#: a sub-command and its words
_Part = tuple[str, list[str]]


class Library(NamedTuple):
    """What differs between click and its copy. `words` is the attribute of a context that has the
    words of its sub-commands, `unset` the value of an option that was not given."""

    error: type[click.ClickException]
    sources: type[ParameterSource]
    words: str
    unset: object
    #: whether an option gives a value, unlike `--help`
    is_input: Callable[[click.Parameter], bool]
    #: the parameter of an option, of the value that was given for it and that in its type
    to_option: Callable[[click.Parameter, object, object], Parameter]
    #: what the option's type and callback get if the edit, of that name, is typed
    as_typed: Callable[[click.Context, click.Parameter, Parameter, str], Any]


class _Values:
    """The parsed values of one context."""

    def __init__(self, parse: Parse, library: Library) -> None:
        self.parse = parse
        self._library = library
        self.edits = parse.edits()
        #: full name to the option, the value given for it and that value in its type
        self.options: dict[str, tuple[click.Parameter, object, object]] = {}
        self._untyped: set[str] = set()
        self.begin(None)

    def begin(self, option: click.Parameter | None) -> None:
        #: the option that is being parsed
        self.option = option
        #: the value given for it, and that value in its type
        self.typed: tuple[object, object] | None = None
        #: the same for a prompt: click casts the result of one a second time
        self.prompted: tuple[object, object] | None = None
        self.edit: Parameter | None = None
        self.source: ParameterSource | None = None

    def add(self, option: click.Parameter, name: str, given: object, value: object) -> None:
        """Adds an option; of several with one name, one without a value does not count."""
        if value is self._library.unset:
            value = None
        if name not in self.options or value is not None:
            self.options[name] = option, given, value
            sources = self._library.sources
            if self.source in (sources.PROMPT, sources.ENVIRONMENT):  # no word gives it
                self._untyped.add(name)

    def parameters(self) -> dict[str, Parameter]:
        return {
            name: replace(self._library.to_option(*found), is_edit=name in self._untyped)
            for name, found in self.options.items()
        }


class Commands(threading.local):
    """The contexts that this thread is parsing: callbacks make further ones. Each method takes the
    place of the `original` one of the library."""

    def __init__(self, watcher: Watcher, library: Library) -> None:
        self._watcher = watcher
        self._library = library
        self._stack: list[_Values] = []

    def make_context(
        self,
        original: Callable[..., click.Context],
        command: click.Command,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        parse = parent.meta.get(_PARSE) if parent is not None else None
        values = _Values(
            parse or self._watcher.parse(command, info_name or "", args), self._library
        )
        self._stack.append(values)
        try:
            with self._without_help(command, info_name, parent):
                context = original(command, info_name, args, parent, **extra)
        finally:
            self._stack.pop()
        context.meta[_PARSE] = values.parse
        if not context.resilient_parsing:
            record(values.parse, values.parameters)
        return context

    def handle(
        self,
        original: Callable[..., tuple[Any, list[str]]],
        option: click.Parameter,
        context: click.Context,
        *given: Any,
        **named: Any,
    ) -> tuple[Any, list[str]]:
        if not self._stack or context.resilient_parsing or not self._library.is_input(option):
            return original(option, context, *given, **named)
        values = self._stack[-1]
        values.begin(option)
        name = _full_name(context, option.name)
        try:
            value, rest = original(option, context, *given, **named)
        except self._library.error as error:
            if values.edit is None:
                raise
            _refuse(context, name, values.edit, error)
        values.add(option, name, *(values.prompted or values.typed or (value, value)))
        return value, rest

    def type_cast(
        self,
        original: Callable[..., Any],
        option: click.Parameter,
        context: click.Context,
        value: Any,
    ) -> Any:
        found = original(option, context, value)
        if self._stack and self._stack[-1].option is option:
            self._stack[-1].typed = value, found
        return found

    def consume(
        self,
        original: Callable[..., tuple[Any, ParameterSource]],
        option: click.Parameter,
        context: click.Context,
        typed: Mapping[str, Any],
    ) -> tuple[Any, ParameterSource]:
        values = self._stack[-1] if self._stack else None
        name = _full_name(context, option.name)
        edits = values.edits if values and self._library.is_input(option) else {}
        if name in edits and values and not values.parse.is_command_line:
            is_given = typed.get(option.name or "") not in (None, self._library.unset)
            edits = values.parse.unless_given(edits, {name} if is_given else ())
        edit = edits.get(name)
        if edit is None or values is None or context.resilient_parsing:
            value, source = original(option, context, typed)
            if values:
                values.prompted, values.source = values.typed, source
            return value, source
        context.resilient_parsing = True  # keeps click from prompting
        try:
            value, source = original(option, context, typed)
        finally:
            context.resilient_parsing = False
        unset = value is None or value is self._library.unset
        if unset and is_hidden(edit.value) and getattr(option, "prompt", None):
            why = "is a secret, which is not recorded, and a remote run cannot prompt for it."
            remedy = "Give it by an environment variable (envvar=...)."
            refuse(_program(context), UsageError(f"Parameter {name!r} {why} {remedy}"))
        is_same = not unset and value == to_text(edit.value)
        is_new = is_effective(edit, None if unset else plain(value))
        if is_same or not is_new:
            return value, source
        values.edit = edit
        try:
            typed_edit = self._library.as_typed(context, option, edit, name)
            return typed_edit, self._library.sources.COMMANDLINE
        except UsageError as error:
            refuse(_program(context), error)

    def invoke(
        self, original: Callable[..., Any], group: click.Group, context: click.Context
    ) -> Any:
        """Runs the sub-commands that the edits choose, each with its own words."""
        words = [*getattr(context, self._library.words), *context.args]
        try:
            parts = _split(group, context, words)
        except self._library.error:  # the original raises it, too
            return original(group, context)
        parse: Parse | None = context.meta.get(_PARSE)
        if parse is None:
            return original(group, context)
        if flags := _flags(group, context, parse):
            parts = _chosen(group, context, parts, flags)
            setattr(context, self._library.words, [word for _, part in parts for word in part])
            context.args = []
        run = {command for command, _ in parts}
        record(parse, lambda: _flags_of(group, context, run))
        return original(group, context)

    @contextmanager
    def _without_help(
        self, command: click.Command, info_name: str | None, parent: click.Context | None
    ) -> Iterator[None]:
        """Keeps click from printing the help of a command whose arguments only edits give."""
        path = _SECTION if parent is None else _full_name(parent, info_name or "")
        edits = self._stack[-1].edits
        is_given = any(name.startswith(f"{path}/") for name in edits)
        if not is_given or not getattr(command, "no_args_is_help", False):
            yield
            return
        command.no_args_is_help = False
        try:
            yield
        finally:
            command.no_args_is_help = True


def _full_name(context: click.Context, name: str | None) -> str:
    path = [name or ""]
    while context.parent is not None:
        path.append(context.info_name or "")
        context = context.parent
    return "/".join([_SECTION, *reversed(path)])


def _names(group: click.Group, context: click.Context) -> dict[str, str]:
    """Maps sub-commands to full names, without one that is named as an option of the group."""
    options = {option.name for option in group.params}
    return {
        command: _full_name(context, command)
        for command in group.list_commands(context)
        if command not in options
    }


def _flags(group: click.Group, context: click.Context, parse: Parse) -> dict[str, bool]:
    """Maps each sub-command that has an edit to whether that chooses it."""
    edits, flags = parse.edits(), {}
    if not parse.is_command_line:
        return {}
    for command, name in _names(group, context).items():
        if name in edits:
            try:
                flags[command] = bool(cast(edits[name], False, name))
            except UsageError as error:
                refuse(_program(context), error)
    return flags


def _flags_of(
    group: click.Group, context: click.Context, run: Collection[str]
) -> dict[str, Parameter]:
    """Maps the full name of each sub-command to whether it runs."""
    known = getattr(group, "commands", {})
    return {
        name: Parameter(
            value=command in run,
            type="bool",
            description=known[command].get_short_help_str() if command in known else "",
        )
        for command, name in _names(group, context).items()
    }


def _split(group: click.Group, context: click.Context, words: list[str]) -> list[_Part]:
    """Returns the sub-commands among the `words`: one, or several in a chain."""
    parts: list[_Part] = []
    while words:
        name, command, rest = group.resolve_command(context, words)
        if name is None or command is None:
            break
        after: list[str] = []
        if getattr(group, "chain", False):
            settings = {
                **command.context_settings,
                "allow_extra_args": True,
                "allow_interspersed_args": False,
                "resilient_parsing": True,
            }
            inner = command.context_class(command, info_name=name, parent=context, **settings)
            _, after, _ = command.make_parser(inner).parse_args(list(rest))
        parts.append((name, words[: len(words) - len(after)]))
        words = after
    return parts


def _chosen(
    group: click.Group, context: click.Context, parts: list[_Part], flags: Mapping[str, bool]
) -> list[_Part]:
    """Returns the sub-commands that the flags choose, without the words of the others."""
    chosen = [command for command, flag in flags.items() if flag]
    is_chain = getattr(group, "chain", False)
    if len(chosen) > 1 and not is_chain:
        names = " and ".join(repr(_full_name(context, command)) for command in chosen)
        one = f"Parameters {names} cannot be true at once: {context.info_name} runs one command."
        refuse(_program(context), UsageError(one))
    kept = [part for part in parts if flags.get(part[0], is_chain or not chosen)]
    there = {command for command, _ in kept}
    return kept + [(command, [command]) for command in chosen if command not in there]


def _program(context: click.Context) -> str:
    return context.find_root().info_name or ""


def _refuse(
    context: click.Context, name: str, edit: Parameter, error: click.ClickException
) -> NoReturn:
    why = error.message or error.format_message()
    sentence = f"Parameter {name!r} cannot be {edit.value!r:.200}: {why}"
    refuse(_program(context), UsageError(sentence))
