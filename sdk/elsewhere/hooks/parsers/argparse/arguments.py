"""One argument of a command line: its parameter, and its value from an edit.

argparse has no public way to look into a parser. `_actions`, `_get_value`, `_check_value` and the
action classes named here are the same in every Python that the SDK runs on.
"""

from __future__ import annotations

import argparse
from argparse import Action, ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Any, Final

from elsewhere.core.errors import UsageError
from elsewhere.core.params import cast, from_text, is_type_name, to_text
from elsewhere.core.records import Json, Parameter
from elsewhere.core.secrets import is_secret
from elsewhere.hooks.parsers.values import is_effective, plain, shown

_SECTION: Final = "Args"


def arguments(parser: ArgumentParser) -> dict[str, Action]:
    """Maps `Args/dest` to its action, of several to one with a value; without sub-commands."""
    found: dict[str, Action] = {}
    sub_commands = commands(parser)
    for action in parser._actions:
        name = f"{_SECTION}/{action.dest}"
        if action.dest == argparse.SUPPRESS or action in sub_commands:
            continue
        if name not in found or (found[name].nargs == 0 and action.nargs != 0):
            found[name] = action
    return found


def commands(parser: ArgumentParser) -> list[argparse._SubParsersAction[Any]]:
    """Returns the actions that choose a sub-command: none or one."""
    return [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]


def command_name(action: Action) -> str:
    """Returns `Args/dest`, or `Args/command` if the program gave it no dest."""
    return f"{_SECTION}/{'command' if action.dest == argparse.SUPPRESS else action.dest}"


def to_argument(parser: ArgumentParser, action: Action, value: object) -> Parameter:
    """Returns the parameter of a parsed value, as `shown` does."""
    type_name = _type_name(action)
    if not type_name and isinstance(value, (list, tuple, dict, type(None))):
        type_name = _function_name(action)
    return shown(action.dest, value, _help(parser, action), type_name)


def cast_argument(parser: ArgumentParser, action: Action, edit: Parameter, name: str) -> object:
    """Returns the value that the argument has if the edit is typed on the command line.

    None stays None; an empty text is None if the default is None and `type` is not text. Raises
    UsageError, which names the parameter `name` and what is accepted.
    """
    value = edit.value
    if value is None or (value == "" and action.default is None and action.type not in (None, str)):
        return None
    if _is_flag(action):
        return cast(_filled(edit, name), True, name)
    if isinstance(action, argparse._CountAction):
        return cast(_filled(edit, name), 0, name)
    if isinstance(action, argparse._StoreConstAction):
        return _constant(parser, action, value, name)
    if not _is_list(action):
        return _element(parser, action, value, name)
    items = _items(_filled(edit, name), name)
    if isinstance(action, argparse._AppendConstAction):
        return [_constant(parser, action, item, name) for item in items]
    is_nested = isinstance(action, argparse._AppendAction) and _takes_several(action)
    if is_nested and not isinstance(action, argparse._ExtendAction):
        lists = [item if isinstance(item, list) else [item] for item in items]
        return [_elements(parser, action, item, name) for item in lists]
    return _elements(parser, action, items, name)


def given_names(parser: ArgumentParser, words: list[str]) -> set[str]:
    """Returns the names of the arguments that the `words` give; any bare word gives all that have
    no option."""
    found: set[str] = set()
    for word in words:
        if word == "--":
            break
        if word[:1] not in parser.prefix_chars or not (actions := _options(parser, word)):
            actions = [action for action in parser._actions if not action.option_strings]
        found |= {command_name(action) for action in actions}
    return found


@contextmanager
def as_if_given(parser: ArgumentParser, edits: Mapping[str, Parameter]) -> Iterator[None]:
    """Lets the parser accept a command line without the arguments that an edit gives."""

    def is_given(action: Action) -> bool:
        name = command_name(action)
        is_value = name in edits and edits[name].value is not None
        return is_value and is_effective(edits[name], None)

    required: list[Any] = [a for a in parser._actions if a.required and is_given(a)]
    required += [
        group
        for group in parser._mutually_exclusive_groups
        if group.required and any(map(is_given, group._group_actions))
    ]
    for item in required:
        item.required = False
    try:
        yield
    finally:
        for item in required:
            item.required = True


def _options(parser: ArgumentParser, word: str) -> list[Action]:
    """Returns the options that a word names: `--lr`, `--lr=1`, `--l`, `-v`, `-vx`."""
    option = word.partition("=")[0]
    known = parser._option_string_actions
    if option in known:
        return [known[option]]
    if option[:2] in known and option[1:2] not in parser.prefix_chars:
        return [
            known[f"{word[0]}{letter}"] for letter in option[1:] if f"{word[0]}{letter}" in known
        ]
    return [action for name, action in known.items() if name.startswith(option)]


def _help(parser: ArgumentParser, action: Action) -> str:
    if not action.help or action.help == argparse.SUPPRESS:
        return ""
    if is_secret(action.dest):
        return action.help
    try:
        return str(action.help % {**vars(action), "prog": parser.prog})
    except (KeyError, TypeError, ValueError):  # argparse would only fail when it prints the help
        return action.help


def _type_name(action: Action) -> str:
    """Returns the declared type, or "" where only the value has one."""
    if _is_flag(action):
        return "bool"
    if isinstance(action, argparse._CountAction):
        return "int"
    if isinstance(action, argparse._SubParsersAction):
        return "str"
    if _is_list(action):
        return "list"
    return action.type.__name__ if action.type in (bool, int, float, str) else ""


def _function_name(action: Action) -> str:
    """Returns the name of the program's own function that makes the value from a text, or ""; such
    a type's values are given as texts."""
    if action.type is None or isinstance(action.type, str):
        return ""
    name = getattr(action.type, "__name__", type(action.type).__name__)
    return f"{name}(text)" if is_type_name(name) else name


def _items(edit: Parameter, name: str) -> list[Any]:
    """Returns the items of a list; a value that is not one is its only item, as when typed."""
    try:
        items = cast(edit, [], name)
    except UsageError:
        items = [edit.value]
    return items if isinstance(items, list) else [items]


def _is_flag(action: Action) -> bool:
    is_constant = isinstance(action, argparse._StoreConstAction) and isinstance(action.const, bool)
    return is_constant or isinstance(action, argparse.BooleanOptionalAction)


def _is_list(action: Action) -> bool:
    kinds = (argparse._AppendAction, argparse._AppendConstAction)
    return isinstance(action, kinds) or _takes_several(action)


def _takes_several(action: Action) -> bool:
    if isinstance(action.nargs, int):
        return action.nargs > 0
    return action.nargs in ("*", "+", "...", "A...")


def _filled(edit: Parameter, name: str) -> Parameter:
    if edit.value == "":
        raise UsageError(f"Parameter {name!r} cannot be empty.")
    return edit


def _constant(parser: ArgumentParser, action: Action, value: Json, name: str) -> object:
    """Returns the constant that the value names, among those of all options with this dest."""
    options = [option for option in parser._actions if option.dest == action.dest]
    allowed = [option.const for option in options if option.nargs == 0] + [action.default]
    for constant in allowed:
        if to_text(plain(constant).value) == to_text(value):
            return constant
    known = ", ".join(to_text(plain(constant).value) for constant in allowed if constant)
    raise UsageError(f"Parameter {name!r} cannot be {value!r:.200}: it takes one of {known}.")


def _elements(parser: ArgumentParser, action: Action, items: list[Any], name: str) -> list[object]:
    if isinstance(action.nargs, int) and len(items) != action.nargs:
        raise UsageError(f"Parameter {name!r} cannot be {items!r:.200}: it takes {action.nargs}.")
    if action.nargs == "+" and not items:
        raise UsageError(f"Parameter {name!r} cannot be []: it takes one value or more.")
    return [_element(parser, action, item, name) for item in items]


def _element(parser: ArgumentParser, action: Action, item: Json, name: str) -> object:
    """Returns one value, made by `type` and checked against `choices`."""
    try:
        value = _typed(parser, action, item, name)
        parser._check_value(action, value)
    except argparse.ArgumentError as error:
        raise UsageError(f"Parameter {name!r} cannot be {item!r:.200}: {error.message}.") from error
    return value


def _typed(parser: ArgumentParser, action: Action, item: Json, name: str) -> object:
    kind = action.type
    if kind in (bool, int, float):
        return cast(_filled(Parameter(value=item), name), kind(), name)
    if kind is None:
        if action.default is None and isinstance(item, (int, float)) and not isinstance(item, bool):
            return to_text(item)  # as it is when typed
        is_text = isinstance(item, str) and not isinstance(action.default, (bool, int, float))
        return from_text(item) if isinstance(item, str) and not is_text else item
    members = type(action.default).__members__ if isinstance(action.default, Enum) else {}
    members = kind.__members__ if isinstance(kind, type) and issubclass(kind, Enum) else members
    if isinstance(item, (list, dict)):  # made by the function before, or given as what it makes
        is_alike = isinstance(action.default, (list, tuple, dict))
        return type(action.default)(item) if is_alike else item
    text = to_text(item)
    return members[text] if text in members else parser._get_value(action, text)
