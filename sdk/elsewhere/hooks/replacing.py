"""Replaces functions of other libraries, and puts them back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any


def replace(owner: type | ModuleType, name: str, by: Callable[..., Any]) -> Callable[[], None]:
    """Replaces `owner.name` by a call of `by(original, *arguments)`; returns the undo."""
    original = getattr(owner, name)
    is_inherited = name not in vars(owner)

    @functools.wraps(original)
    def replaced(*given: Any, **named: Any) -> Any:
        return by(original, *given, **named)

    setattr(owner, name, replaced)

    def undo() -> None:
        if vars(owner).get(name) is not replaced:  # another library has patched it since
            return
        if is_inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, original)

    return undo


def replace_all(*parts: tuple[type | ModuleType, str, Callable[..., Any]]) -> Callable[[], None]:
    """Replaces several functions, each given as to `replace`; returns one undo."""
    undo = [replace(*part) for part in parts]

    def undo_all() -> None:
        for one in undo:
            one()

    return undo_all
