"""The patched Fire: its calls have the task's edits and are recorded.

    _Fire (patched) -> _CallAndUpdateTrace (patched): which function or class, found on which path
                            -> _MakeParseFn (patched): its arguments; edits; to the task
                            -> the call itself

Fire has no public interface for this. These three are the same in every version since 0.4.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Final

from fire import core, docstrings, inspectutils, trace
from fire.decorators import FIRE_PARSE_FNS
from fire.parser import DefaultParseValue, SeparateFlagArgs

from elsewhere.core.errors import UsageError
from elsewhere.core.params import cast, to_text
from elsewhere.core.records import Parameter
from elsewhere.hooks.parsers.parse import Parse
from elsewhere.hooks.parsers.parsed import Watcher, record
from elsewhere.hooks.parsers.values import is_effective, plain, refuse, shown
from elsewhere.hooks.replacing import replace_all

_SECTION: Final = "Args"
#: `(positional, named), consumed, remaining, has_capacity`
_Call = tuple[tuple[list[Any], dict[str, Any]], list[str], list[str], bool]


def patch(watcher: Watcher) -> Callable[[], None]:
    """Patches the module, for all programs; returns the undo."""
    firing = _Firing(watcher)
    return replace_all(
        (core, "_Fire", firing.fire),
        (core, "_CallAndUpdateTrace", firing.call),
        (core, "_MakeParseFn", firing.make_parse),
    )


class _Program:
    """One call of `fire.Fire`, with the words of the command that the edits choose, if any."""

    def __init__(self, parse: Parse, words: Sequence[str]) -> None:
        self.parse = parse
        self.name = parse.program
        self.path: tuple[str, ...] = ()
        self._words = tuple(words)

    def redirected(self, component: object, args: list[str], depth: int) -> list[str]:
        """Returns `args`, or if they name another command, the chosen one's words from `depth` on.

        A class or a function on the way takes arguments of its own: the words behind a class are
        compared after its call.
        """
        words = self._words[depth:]
        for word, arg in zip(words, [*args, *([""] * len(words))], strict=False):
            if inspect.isclass(component) or inspect.isroutine(component):
                break
            if arg.replace("-", "_") != word.replace("-", "_"):
                return list(words)
            component = _member(component, word)
        return args


class _Firing(threading.local):
    """The programs running in this thread: a function that Fire calls may call Fire again."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._programs: list[_Program] = []

    def fire(
        self,
        original: Callable[..., Any],
        component: object,
        args: list[str],
        flags: Any,
        context: dict[str, Any],
        name: str | None = None,
    ) -> Any:
        root = context if component is None else component
        is_typed = args == SeparateFlagArgs(sys.argv[1:])[0]
        parse = self._watcher.parse(root, name or "", None if is_typed else args)
        words: list[str] = []
        if flags.separator not in args and parse.is_command_line:
            words = _chosen(root, parse.edits(), name or "")
        program = _Program(parse, words)
        self._programs.append(program)
        try:
            return original(
                component, program.redirected(root, list(args), 0), flags, context, name
            )
        finally:
            self._programs.pop()

    def call(
        self,
        original: Callable[..., tuple[object, list[str]]],
        component: object,
        args: list[str],
        component_trace: Any,
        treatment: str = "class",
        target: Any = None,
    ) -> tuple[object, list[str]]:
        program = self._programs[-1]
        path = tuple(element._target for element in _accesses(component_trace))
        program.path = tuple(map(str, path))
        if path and treatment != "class":
            command = {_flag(path): component}
            record(program.parse, lambda: _neighbours(component_trace) | _flags(command, run=True))
        result, rest = original(component, args, component_trace, treatment, target)
        if treatment == "class":
            rest = program.redirected(result, rest, len(path))
        return result, rest

    def make_parse(
        self,
        original: Callable[..., Callable[[list[str]], _Call]],
        function: Callable[..., Any],
        metadata: dict[str, Any],
    ) -> Callable[[list[str]], _Call]:
        parse = original(function, metadata)
        if not self._programs:
            return parse
        call = _Arguments(function, metadata, self._programs[-1])

        def parse_arguments(args: list[str]) -> _Call:
            edits = call.own(call.program.parse.edits(), args)
            found = _filled(parse, args, edits)
            (positional, named), *rest = found
            values = call.values(positional, named)
            try:
                values |= call.edited(values, edits)
            except UsageError as error:
                refuse(call.program.name, error)
            record(call.program.parse, lambda: call.parameters(values))
            return call.given(values, named), *rest  # type: ignore[return-value]

        return parse_arguments


class _Arguments:
    """The arguments of one call."""

    def __init__(
        self, function: Callable[..., Any], metadata: dict[str, Any], program: _Program
    ) -> None:
        self.program = program
        self._function = function
        self._metadata = metadata
        self._spec = inspectutils.GetFullArgSpec(function)
        ends = zip(reversed(self._spec.args), reversed(self._spec.defaults), strict=False)
        self._defaults: dict[str, Any] = {**dict(ends), **self._spec.kwonlydefaults}
        self._prefix = f"{_flag(program.path)}/" if program.path else f"{_SECTION}/"

    def own(self, edits: Mapping[str, Parameter], args: list[str]) -> dict[str, Parameter]:
        """Returns the edits of these arguments, by their names, that count beside the `args`."""
        given = {f"{self._prefix}{name}" for name in self._given(args)}
        found = {}
        for full_name, edit in self.program.parse.unless_given(edits, given).items():
            name = full_name.removeprefix(self._prefix)
            if name != full_name and is_effective(edit, None) and self._takes(name):
                found[name] = edit
        return found

    def values(self, positional: list[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """Returns all values by name."""
        count = len(self._spec.args)
        values = {**self._spec.kwonlydefaults}
        values |= zip(self._spec.args, positional, strict=False)
        if self._spec.varargs:
            values[self._spec.varargs] = positional[count:]
        return {**values, **named}

    def edited(self, values: Mapping[str, Any], edits: Mapping[str, Parameter]) -> dict[str, Any]:
        """Returns the edits that differ, cast. Raises UsageError with what is accepted."""
        return {
            name: self._typed(name, edit)
            for name, edit in edits.items()
            if name not in values or is_effective(edit, plain(values[name]))
        }

    def parameters(self, values: Mapping[str, Any]) -> dict[str, Parameter]:
        documented = docstrings.parse(inspect.getdoc(self._function)).args or ()
        descriptions = {one.name: one.description or "" for one in documented}
        return {
            f"{self._prefix}{name}": shown(name, value, descriptions.get(name, ""))
            for name, value in values.items()
        }

    def given(
        self, values: Mapping[str, Any], named: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Returns the values as the positional and the named arguments of the function."""
        positional = [values[name] for name in self._spec.args]
        if self._spec.varargs:
            positional += values[self._spec.varargs]
        others = {*self._spec.args, self._spec.varargs}
        return positional, {
            name: value
            for name, value in values.items()
            if name not in others and (name in named or value is not self._defaults.get(name, ...))
        }

    def _given(self, args: list[str]) -> set[str]:
        """The names that the `args` give: by themselves, or by their places."""
        options = [arg.lstrip("-").partition("=")[0] for arg in args if arg.startswith("-")]
        named = {option.replace("-", "_") for option in options}
        bare = [arg for arg in args if not arg.startswith("-")]
        return named | set(self._spec.args[: len(bare)])

    def _takes(self, name: str) -> bool:
        known = {*self._spec.args, *self._spec.kwonlyargs, self._spec.varargs}
        is_command = inspect.isclass(self._function) and hasattr(self._function, name)
        return name in known or (bool(self._spec.varkw) and name.isidentifier() and not is_command)

    def _typed(self, name: str, edit: Parameter) -> object:
        value, full_name = edit.value, f"{self._prefix}{name}"
        if name == self._spec.varargs:
            return cast(edit, [], full_name) or []
        if value is None:
            return None
        if self._metadata.get(FIRE_PARSE_FNS):
            index = self._spec.args.index(name) if name in self._spec.args else None
            try:
                return core._ParseValue(to_text(value), index, name, self._metadata)
            except (ValueError, TypeError, LookupError, SyntaxError) as error:
                why = f"Parameter {full_name!r} cannot be {value!r:.200}: {error}."
                raise UsageError(why) from error
        like = self._defaults.get(name)
        if isinstance(like, (bool, int, float, str, list, tuple, dict)):
            if value == "" and not isinstance(like, str):
                raise UsageError(f"Parameter {full_name!r} cannot be empty.")
            return _like(edit, like, full_name)
        if value == "" and name in self._defaults:
            return None
        return DefaultParseValue(value) if isinstance(value, str) else value


def _like(edit: Parameter, like: object, name: str) -> object:
    """Returns the edit in the type of `like`; for an int, another number is taken as well."""
    if type(like) is not int:
        return cast(edit, like, name)
    try:
        return cast(edit, like, name)
    except UsageError:
        return cast(edit, float(like), name)


def _filled(
    parse: Callable[[list[str]], _Call], args: list[str], edits: Mapping[str, Parameter]
) -> _Call:
    """Parses `args`, and edits in place of missing ones. Raises FireError for the others."""
    added: set[str] = set()
    while True:
        given = [f"--{name}={to_text(edits[name].value)}" for name in sorted(added)]
        try:
            return parse([*args, *given])
        except core.FireError as error:
            named = error.args[1] if len(error.args) > 1 else ()
            missing = {named} if isinstance(named, str) else set(named)
            new = {name for name in missing if name in edits} - added
            if not new:
                raise
            added |= new


def _chosen(root: object, edits: Mapping[str, Parameter], program: str) -> list[str]:
    """Returns the words of the one command that the edits choose, or none."""
    if inspect.isroutine(root):
        return []
    arguments: set[str] = set()
    if inspect.isclass(root):
        spec = inspectutils.GetFullArgSpec(root)
        arguments = {*spec.args, *spec.kwonlyargs}
    chosen = []
    for full_name, edit in edits.items():
        section, _, name = full_name.partition("/")
        is_true = to_text(edit.value).lower() == "true"
        if section == _SECTION and "/" not in name and name not in arguments and is_true:
            words = name.split(".")
            if inspect.isclass(root) or _member(root, words[0]) is not None:
                chosen.append(words)
    ends = [words for words in chosen if not any(_is_within(words, other) for other in chosen)]
    if len(ends) > 1:
        names = " and ".join(repr(_flag(words)) for words in sorted(ends))
        refuse(program, UsageError(f"Parameters {names} cannot be true at once: one command runs."))
    return ends[0] if ends else []


def _is_within(words: list[str], other: list[str]) -> bool:
    return len(words) < len(other) and other[: len(words)] == words


def _accesses(component_trace: Any) -> list[Any]:
    return [one for one in component_trace.elements if one._action == trace.ACCESSED_PROPERTY]


def _flag(path: Sequence[object]) -> str:
    return f"{_SECTION}/{'.'.join(map(str, path))}"


def _flags(commands: Mapping[str, object], *, run: bool) -> dict[str, Parameter]:
    """Returns a parameter for each command, by full name: `run`, with its summary."""
    return {
        name: Parameter(
            value=run,
            type="bool",
            description=docstrings.parse(inspect.getdoc(command)).summary or "",
        )
        for name, command in commands.items()
    }


def _neighbours(component_trace: Any) -> dict[str, Parameter]:
    """Returns the commands beside each word of the path, up to the first result of a function."""
    found: dict[str, Parameter] = {}
    path: list[str] = []
    group = component_trace.elements[0].component
    for element in component_trace.elements[1:]:
        if element._action == trace.ACCESSED_PROPERTY:
            word = str(element._target)
            members = _commands(group).items()
            beside = {_flag([*path, name]): one for name, one in members if name != word}
            found |= _flags(beside, run=False)
            path.append(word)
        elif element._action != trace.INSTANTIATED_CLASS:
            break
        group = element.component
    return found


def _commands(group: object) -> dict[str, object]:
    """Returns the functions of a dict, or an object's methods that its class's module defines."""
    if isinstance(group, dict):
        members = group if "__builtins__" not in group else {}
        return {str(name): one for name, one in members.items() if inspect.isroutine(one)}
    if isinstance(group, ModuleType):
        return {}
    module = type(group).__module__
    members = {name: inspect.getattr_static(group, name, None) for name in dir(group)}
    return {
        name: member
        for name, member in members.items()
        if not name.startswith("_")
        and inspect.isroutine(member)
        and getattr(member, "__module__", None) == module
    }


def _member(group: object, name: str) -> object:
    """Returns the member `name`, or None, without a call of any property."""
    for spelling in (name, name.replace("-", "_")):
        found = (
            group.get(spelling)
            if isinstance(group, dict)
            else inspect.getattr_static(group, spelling, None)
        )
        if found is not None:
            return found
    return None
