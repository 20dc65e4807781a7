"""The classes of click that are patched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import click
from click.core import ParameterSource

from elsewhere.hooks.parsers.click.options import UNSET, as_typed, is_input, to_option
from elsewhere.hooks.parsers.click_like import Commands, Library
from elsewhere.hooks.parsers.parsed import Watcher
from elsewhere.hooks.replacing import replace_all

#: click < 8.2 has the second name
_WORDS: Final = "_protected_args" if hasattr(click.Context, "protected_args") else "protected_args"
_CLICK: Final = Library(
    click.ClickException, ParameterSource, _WORDS, UNSET, is_input, to_option, as_typed
)


def patch(watcher: Watcher) -> Callable[[], None]:
    """Patches the classes, for all commands; returns the undo."""
    commands = Commands(watcher, _CLICK)
    return replace_all(
        (_owner(click.Command, "make_context"), "make_context", commands.make_context),
        (_owner(click.Group, "invoke"), "invoke", commands.invoke),
        (click.Parameter, "handle_parse_result", commands.handle),
        (click.Parameter, "type_cast_value", commands.type_cast),
        (click.Option, "consume_value", commands.consume),
        (click.Argument, "consume_value", commands.consume),
    )


def _owner(kind: type, name: str) -> type:
    """Returns the class that defines the method: one of two base classes in click < 8.2."""
    return next(owner for owner in kind.__mro__ if name in vars(owner))
