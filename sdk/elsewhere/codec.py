"""Records to JSON and back, by the annotations of the records themselves.

Unknown fields are dropped and missing ones take their defaults, so that an older or newer other
side stays readable. This is no validation: the host side validates with pydantic.
"""

from __future__ import annotations

import json
import types
from dataclasses import MISSING, asdict, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from elsewhere.errors import RecordError

__all__ = ["compact", "decode", "encode", "from_plain", "to_plain"]

T = TypeVar("T")


def encode(value: object) -> str:
    """Compact JSON of a record or of plain data. NaN and infinities stay readable to Python."""
    return json.dumps(to_plain(value), separators=(",", ":"), ensure_ascii=False)


def decode(kind: type[T], text: str | bytes) -> T:
    """The record that `encode` wrote. Raises RecordError for anything else."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"A {kind.__name__} cannot be read: it is not JSON ({error}).") from error
    return from_plain(kind, plain)


def to_plain(value: object) -> Any:
    """Dataclasses as dicts; everything else as it is."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value


def compact(value: object) -> Any:
    """Like `to_plain`, without the fields that have their defaults: what is kept by the million."""
    if is_dataclass(value) and not isinstance(value, type):
        defaults = _defaults(type(value))
        given = ((name, getattr(value, name)) for name in defaults)
        return {name: compact(item) for name, item in given if item != defaults[name]}
    if isinstance(value, (list, tuple)):
        return [compact(item) for item in value]
    if isinstance(value, dict):
        return {key: compact(item) for key, item in value.items()}
    return value


def from_plain(kind: type[T], plain: object) -> T:
    """A record from its dict. Raises RecordError when a value has the wrong shape."""
    try:
        return cast("T", _convert(kind, plain))
    except (TypeError, ValueError, KeyError, OverflowError, RecursionError) as error:
        raise RecordError(f"A {kind.__name__} cannot be read: {error}.") from error


@cache
def _defaults(kind: type) -> dict[str, Any]:
    """The default of each field, and what equals nothing for one that has none."""
    return {
        item.name: item.default
        if item.default is not MISSING
        else item.default_factory()
        if item.default_factory is not MISSING
        else MISSING
        for item in fields(kind)
    }


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind)}


def _convert(kind: Any, plain: Any) -> Any:
    origin = get_origin(kind)
    if kind is Any or (origin is dict and plain == {}):
        return plain
    if origin in (Union, types.UnionType):
        if plain is None:
            return None
        choices = [choice for choice in get_args(kind) if choice is not type(None)]
        return _convert(choices[0], plain) if len(choices) == 1 else plain
    if origin is tuple:
        if not isinstance(plain, (list, tuple)):
            raise TypeError(f"expected a list, found {plain!r:.80}")
        return tuple(_convert(get_args(kind)[0], item) for item in plain)
    if origin is dict:
        if not isinstance(plain, dict):
            raise TypeError(f"expected an object, found {plain!r:.80}")
        of = get_args(kind)[1]
        return {str(key): _convert(of, item) for key, item in plain.items()}
    if isinstance(kind, type):
        if is_dataclass(kind):
            hints = _hints(kind)
            if not isinstance(plain, dict):
                raise TypeError(f"expected an object, found {plain!r:.80}")
            return kind(**{k: _convert(hints[k], v) for k, v in plain.items() if k in hints})
        if issubclass(kind, Enum):
            return kind(plain)
        if kind is float and isinstance(plain, int):
            return float(plain)
        if kind in (str, int, bool, float) and not isinstance(plain, kind):
            raise TypeError(f"expected {kind.__name__}, found {plain!r:.80}")
    return plain
