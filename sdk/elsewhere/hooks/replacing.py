"""Replaces functions of other libraries, and puts them back."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def replace(owner: type | ModuleType, name: str, by: Callable[..., Any]) -> Callable[[], None]:
    """Replaces `owner.name` by a call of `by(original, *arguments)`; returns the undo.

    A class method stays one: its class is the first of the arguments.
    """
    present = getattr(owner, name)  # a lazy module has it from now on
    is_inherited = name not in vars(owner)
    lines = (vars(one) for one in getattr(owner, "__mro__", (owner,)))
    found = next((line[name] for line in lines if name in line), present)
    is_bound = isinstance(found, (classmethod, staticmethod))
    original = found.__func__ if is_bound else found

    @functools.wraps(original)
    def replaced(*given: Any, **named: Any) -> Any:
        return by(original, *given, **named)

    placed = type(found)(replaced) if is_bound else replaced
    setattr(owner, name, placed)

    def undo() -> None:
        if vars(owner).get(name) is not placed:  # another library has patched it since
            return
        if is_inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, found)

    return undo


def replace_all(*parts: tuple[type | ModuleType, str, Callable[..., Any]]) -> Callable[[], None]:
    """Replaces several functions, each given as to `replace`; returns one undo."""
    undo = [replace(*part) for part in parts]

    def undo_all() -> None:
        for one in undo:
            one()

    return undo_all


def replace_everywhere(module: ModuleType, name: str, by: Callable[..., Any]) -> Callable[[], None]:
    """Replaces a function as `replace` does, also in the modules that have imported it under its
    name, and in the main one under any: `from joblib import dump` before `Task.init` counts. Its
    pickles, which are names, find the same object in all of them. Returns the undo."""
    original = getattr(module, name)
    undo = replace(module, name, by)
    replaced = getattr(module, name)
    _exchange(name, original, replaced)

    def undo_everywhere() -> None:
        undo()
        if getattr(module, name) is original:
            _exchange(name, replaced, original)

    return undo_everywhere


def _exchange(name: str, old: object, new: object) -> None:
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType):
            names = object.__getattribute__(module, "__dict__")  # a lazy one is not loaded by this
            is_main = names.get("__name__") == "__main__"
            for one in list(names) if is_main else (name,):
                if names.get(one) is old:
                    names[one] = new
