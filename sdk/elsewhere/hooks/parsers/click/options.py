"""One option or argument of a click command: its parameter, and its value from an edit."""

from __future__ import annotations

from typing import Any, Final

import click
from click.types import BoolParamType, FloatParamType, IntParamType, StringParamType

from elsewhere.core.errors import UsageError
from elsewhere.core.params import cast, to_text
from elsewhere.core.records import Json, Parameter
from elsewhere.core.secrets import HIDDEN
from elsewhere.hooks.parsers.values import as_json, plain, shown

#: the value of click >= 8.3 for an option that was not given
UNSET: Final = getattr(click.core, "UNSET", None)

#: types of click, each with a value of the type that it is recorded as; all others are texts
_KINDS: Final[tuple[tuple[type, Any], ...]] = (
    (BoolParamType, False),
    (IntParamType, 0),
    (FloatParamType, 0.0),
)


def is_input(option: click.Parameter) -> bool:
    """Returns False for `--help`, `--version` and the like, which end the program early."""
    is_flag = getattr(option, "is_flag", False)
    return not (is_flag and option.is_eager and not option.expose_value)


def to_option(option: click.Parameter, given: object, value: object) -> Parameter:
    """Returns the parameter of the `value` that click made of the text `given`.

    It holds the text if JSON cannot hold the value, such as a file or a date.
    """
    description = getattr(option, "help", None) or ""
    if getattr(option, "hide_input", False) and value is not None:
        return Parameter(value=HIDDEN, type="str", description=description)
    held = as_json(given, value)
    type_name = _type_name(option) or ("" if held is value else option.type.name)
    return shown(option.name or "", held, description, type_name)


def as_typed(context: click.Context, option: click.Parameter, edit: Parameter, name: str) -> Any:
    """Returns what the option's type and callback get if the edit is typed.

    None stays None; an empty text is None if the default is None and the type is not text.
    Raises UsageError, which names the parameter `name` and what is accepted.
    """
    value = edit.value
    default = option.get_default(context, call=False)
    is_flag = getattr(option, "is_flag", False)
    is_text = isinstance(option.type, StringParamType) and not is_flag and not _is_several(option)
    if value is None or (value == "" and not is_text and default in (None, UNSET)):
        return None
    if value == "" and not is_text:
        raise UsageError(f"Parameter {name!r} cannot be empty.")
    if is_flag and not isinstance(option.type, BoolParamType):
        return _flag_value(context, option, value, name)
    if not _is_several(option):
        return _typed(option.type, value, name)
    items = _items(edit, name)
    if not (getattr(option, "multiple", False) and _takes_several(option)):
        return _typed_all(option.type, items, name, is_row=not getattr(option, "multiple", False))
    rows = [_items(Parameter(value=row), name) for row in items]
    return [_typed_all(option.type, row, name, is_row=True) for row in rows]


def _type_name(option: click.Parameter) -> str:
    """Returns the declared type, or "" where only the value has one."""
    if _is_several(option):
        return "tuple"
    if isinstance(option.type, StringParamType):
        return "str"
    samples = [type(sample).__name__ for kind, sample in _KINDS if isinstance(option.type, kind)]
    return samples[0] if samples else ""


def _is_several(option: click.Parameter) -> bool:
    return bool(getattr(option, "multiple", False)) or _takes_several(option)


def _takes_several(option: click.Parameter) -> bool:
    return option.nargs != 1 or option.type.is_composite


def _items(edit: Parameter, name: str) -> list[Any]:
    items = cast(edit, [], name)
    assert isinstance(items, list)
    return items


def _typed_all(
    kind: click.ParamType[Any], items: list[Any], name: str, *, is_row: bool
) -> list[Any]:
    if is_row and isinstance(kind, click.Tuple):
        if len(items) != len(kind.types):
            takes = f"it takes {len(kind.types)}."
            raise UsageError(f"Parameter {name!r} cannot be {items!r:.200}: {takes}")
        return [_typed(one, item, name) for one, item in zip(kind.types, items, strict=True)]
    return [_typed(kind, item, name) for item in items]


def _typed(kind: click.ParamType[Any], item: Json, name: str) -> Any:
    for known, sample in _KINDS:
        if isinstance(kind, known):
            return cast(Parameter(value=item), sample, name)
    return to_text(item)


def _flag_value(context: click.Context, option: click.Parameter, value: Json, name: str) -> Any:
    """Returns the flag value that the edit names, among those of all flags of this name."""
    flags = [one for one in context.command.params if one.name == option.name]
    allowed = [getattr(one, "flag_value", None) for one in flags]
    for flag_value in allowed:
        if to_text(plain(flag_value).value) == to_text(value):
            return flag_value
    known = ", ".join(to_text(plain(flag_value).value) for flag_value in allowed)
    raise UsageError(f"Parameter {name!r} cannot be {value!r:.200}: it takes one of {known}.")
