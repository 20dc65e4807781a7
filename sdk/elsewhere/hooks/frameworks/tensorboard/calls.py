"""The arguments of a call, by the names that its function has for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_signature = lru_cache(maxsize=64)(inspect.signature)


def arguments_of(
    function: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a call that `function` has taken, with its defaults."""
    bound = _signature(function).bind(*given, **named)
    bound.apply_defaults()
    return bound.arguments
