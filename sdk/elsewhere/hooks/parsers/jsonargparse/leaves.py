"""The leaves of what a jsonargparse parser has parsed: their parameters, and their values.

jsonargparse has no public way to look into a parser: `_actions`, `_typehint` and the two names of
`_REQUIRED` are the same in all its versions since 4.30.
"""

from __future__ import annotations

import json
import warnings
from argparse import SUPPRESS, Action
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace  # type: ignore[attr-defined]

from elsewhere.core.params import cast
from elsewhere.core.records import Parameter
from elsewhere.hooks.parsers.argparse import arguments
from elsewhere.hooks.parsers.argparse.arguments import cast_argument, commands
from elsewhere.hooks.parsers.values import is_effective, plain, shown

_PREFIX: Final = "Args/"
#: the types whose values are cast here, each with a value; the parser casts the others
_SAMPLES: Final[dict[object, object]] = {bool: False, int: 0, float: 0.0, str: ""}
#: the attributes of a parser with the names of required arguments, beside its actions
_REQUIRED: Final = ("required_args", "_extra_required_keys")
_MISSING: Final = object()


def to_parameters(parser: ArgumentParser, parsed: Namespace) -> dict[str, Parameter]:
    """Maps `Args/a.b` to its leaf as a config file holds it, without linked arguments."""
    written = _written(parser, parsed)
    found = {}
    for key, value in parsed.items():
        action, _ = _owner(parser, key)
        if action is None:
            continue
        if action in commands(parser) or isinstance(action, ActionConfigFile):
            leaf: Any = plain(value).value
        else:
            leaf = value if written is None else _at(written, key)
        if isinstance(value, (Enum, PurePath)):
            leaf = value  # recorded by its name or text all the same, as what it is
        if leaf is not _MISSING:
            kind = _kind(action) if _is_exact(action, key) else None
            type_name = kind.__name__ if kind is not None else ""
            help_text = action.help if _is_exact(action, key) and action.help != SUPPRESS else ""
            found[_PREFIX + key] = shown(key, leaf, str(help_text or ""), type_name)
    return found


def effective(
    parser: ArgumentParser, parsed: Namespace, edits: Mapping[str, Parameter]
) -> dict[str, Parameter]:
    """Returns, by key, the edits that the parser knows and that differ from what was parsed."""
    was = to_parameters(parser, parsed)
    found = {}
    for name, edit in edits.items():
        key = name.removeprefix(_PREFIX)
        action, _ = _owner(parser, key) if name.startswith(_PREFIX) else (None, parser)
        is_settable = action is not None and not isinstance(action, ActionConfigFile)
        if is_settable and is_effective(edit, was.get(name)):
            found[key] = edit
    return found


def to_leaf(parser: ArgumentParser, key: str, edit: Parameter) -> object:
    """Returns the value for the parser to check. Raises UsageError for one that cannot pass."""
    action, owner = _owner(parser, key)
    assert action is not None
    name = _PREFIX + key
    if not _is_exact(action, key) or action in commands(owner):
        return edit.value
    if not hasattr(action, "_typehint"):
        return cast_argument(owner, action, edit, name)
    kind = _kind(action)
    return edit.value if kind is None else cast(edit, _SAMPLES[kind], name)


@contextmanager
def as_if_given(
    parser: ArgumentParser, edits: Mapping[str, Parameter], prefix: str = ""
) -> Iterator[None]:
    """Lets the parser accept a command line without the arguments that an edit gives."""
    start = _PREFIX + prefix
    own = {
        _PREFIX + name.removeprefix(start): edit
        for name, edit in edits.items()
        if name.startswith(start)
    }
    keys = {
        name.removeprefix(_PREFIX)
        for name, edit in own.items()
        if edit.value is not None and is_effective(edit, None)
    }
    with ExitStack() as stack:
        stack.enter_context(arguments.as_if_given(parser, own))
        for attribute in _REQUIRED:
            stack.enter_context(_without(getattr(parser, attribute, set()), keys))
        for command in commands(parser):
            for name, sub_parser in command.choices.items():
                stack.enter_context(as_if_given(sub_parser, edits, f"{prefix}{name}."))
        yield


@contextmanager
def _without(required: set[str], keys: set[str]) -> Iterator[None]:
    """Takes the keys out of `required` for a while; any leaf of a required class gives it."""
    taken = {key for key in required if any(f"{name}.".startswith(f"{key}.") for name in keys)}
    required -= taken
    try:
        yield
    finally:
        required |= taken


def _written(parser: ArgumentParser, parsed: Namespace) -> dict[str, Any] | None:
    """Returns the config as the parser writes it; None if it holds what no config file can."""
    try:
        with warnings.catch_warnings():  # the program itself writes nothing here
            warnings.simplefilter("ignore")
            # By position: the argument that has None values written has had several names.
            text = parser.dump(parsed, "json", False)
        written: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError, KeyError, AttributeError):
        return None
    return written


def _at(written: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(written, dict) or part not in written:
            return _MISSING
        written = written[part]
    return written


def _owner(parser: ArgumentParser, key: str) -> tuple[Action | None, ArgumentParser]:
    """Returns the action of the leaf or of what it is in, and its parser, maybe a sub-command's."""
    first, _, rest = key.partition(".")
    for command in commands(parser):
        if rest and first in command.choices:
            return _owner(command.choices[first], rest)
    known = [
        action
        for action in parser._actions
        if action.dest == key
        or (hasattr(action, "_typehint") and key.startswith(f"{action.dest}."))
    ]
    return max(known, key=lambda action: len(action.dest), default=None), parser


def _is_exact(action: Action, key: str) -> bool:
    return f".{key}".endswith(f".{action.dest}")


def _kind(action: Action) -> type | None:
    """Returns the declared type, optional or not, if it is one of `_SAMPLES`."""
    declared = getattr(action, "_typehint", action.type)
    is_union = get_origin(declared) in (Union, UnionType)
    parts = get_args(declared) if is_union else (declared,)
    kinds = [kind for kind in parts if kind is not NoneType]
    found: Any = kinds[0] if len(kinds) == 1 else None
    return found if isinstance(found, type) and found in _SAMPLES else None
