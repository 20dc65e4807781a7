"""The classes of typer that are patched, and its options."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import typer
from typer import core as typer_core  # while typer is being imported, it is no attribute yet

from elsewhere.core.errors import UsageError
from elsewhere.core.params import cast, to_text
from elsewhere.core.records import Parameter
from elsewhere.core.secrets import HIDDEN
from elsewhere.hooks.parsers.click_like import Commands, Library
from elsewhere.hooks.parsers.values import as_json, shown
from elsewhere.hooks.replacing import replace_all

if TYPE_CHECKING:
    from elsewhere.hooks.parsers.parsed import Watcher

#: types that are recorded by their own names, also without a value
_PLAIN: Final = (bool, int, float, str)


def patch(watcher: Watcher) -> Callable[[], None]:
    """Patches the classes, for all commands; returns the undo. Nothing where typer uses click."""
    if not hasattr(typer, "_click"):
        return lambda: None
    core: Any = typer._click.core
    errors: Any = typer._click.exceptions
    coercion = import_module("typer._coercion").RuntimeParam
    library = Library(
        errors.ClickException,
        core.ParameterSource,
        "_protected_args",
        None,
        _is_input,
        _to_option,
        _as_typed,
    )
    commands = Commands(watcher, library)

    def coerce(original: Callable[..., Any], runtime: Any, value: Any, param: Any, ctx: Any) -> Any:
        def typed(option: Any, context: Any, given: Any) -> Any:
            return original(runtime, given, param=option, ctx=context)

        return commands.type_cast(typed, param, ctx, value)

    return replace_all(
        (core.Command, "make_context", commands.make_context),
        (typer_core.TyperGroup, "invoke", commands.invoke),
        (core.Parameter, "handle_parse_result", commands.handle),
        (coercion, "coerce", coerce),
        (core.Parameter, "consume_value", commands.consume),
        (typer_core.TyperOption, "consume_value", commands.consume),
    )


def _is_input(option: Any) -> bool:
    return bool(option.expose_value) and hasattr(option, "type_descriptor")


def _to_option(option: Any, given: object, value: object) -> Parameter:
    description = option.help or ""
    if getattr(option, "hide_input", False) and value is not None:
        return Parameter(value=HIDDEN, type="str", description=description)
    annotation = option.type_descriptor.annotation
    type_name = annotation.__name__ if annotation in _PLAIN else ""
    value = _plain(value)
    held = as_json(given, value)
    if held is not value and not type_name and not _is_several(option):
        type_name = getattr(annotation, "__name__", "")
    return shown(option.name, held, description, "tuple" if _is_several(option) else type_name)


def _plain(value: Any) -> Any:
    """The value with the text that is typed for each member of an Enum."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value.value if isinstance(value, Enum) else value


def _as_typed(context: Any, option: Any, edit: Parameter, name: str) -> Any:
    """What the option's type gets if the edit is typed: texts, and booleans and counts of flags.
    Raises UsageError."""
    value = edit.value
    if value is None or (value == "" and option.get_default(context, call=False) is None):
        return None
    if getattr(option, "count", False):
        return cast(Parameter(value=value), 0, name)
    if option.type_descriptor.annotation is bool:
        return cast(Parameter(value=value), False, name)
    if not _is_several(option):
        return to_text(value)
    items = cast(edit, [], name)
    assert isinstance(items, list)
    if getattr(option, "multiple", False) and option.nargs != 1:
        return [tuple(map(to_text, _row(item, name))) for item in items]
    if option.nargs > 1 and len(items) != option.nargs:
        takes = f"it takes {option.nargs}."
        raise UsageError(f"Parameter {name!r} cannot be {items!r:.200}: {takes}")
    return list(map(to_text, items))


def _row(item: Any, name: str) -> list[Any]:
    row = cast(Parameter(value=item), [], name)
    assert isinstance(row, list)
    return row


def _is_several(option: Any) -> bool:
    return bool(getattr(option, "multiple", False)) or option.nargs != 1
