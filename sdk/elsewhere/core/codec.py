"""Records to JSON and back, by the annotations of the records themselves.

Unknown fields are dropped and missing ones take their defaults, so that records of older
and newer versions stay readable. Nothing is validated: the host side does that with pydantic.
"""

from __future__ import annotations

import json
import types
from base64 import b64decode, b64encode
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache, partial
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from elsewhere.core.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

_SIMPLE: Final = (str, int, float, bool, type(None))
#: levels of lists and dicts at most: what is read must be writable, which takes more stack
DEEPEST: Final = 100


def encode(value: object) -> str:
    """Compact JSON of a record or of plain data. NaN and infinities stay readable to Python."""
    return json.dumps(to_plain(value), separators=(",", ":"), ensure_ascii=False)


def decode(kind: type[T], text: str | bytes) -> T:
    """The record of `kind` that `encode` wrote as `text`. Raises RecordError for anything else."""
    try:
        plain = json.loads(text if isinstance(text, str) else text.decode())
    except (ValueError, RecursionError) as error:
        raise RecordError(f"A {kind.__name__} cannot be read: it is not JSON ({error}).") from error
    return from_plain(kind, plain)


def to_plain(value: object) -> Any:
    """Plain data of `value`: dataclasses as dicts, tuples as lists, bytes as base64, all else as it
    is."""
    kind = type(value)
    if kind in _SIMPLE:
        return value
    if kind in (list, tuple):
        return [to_plain(item) for item in value]  # type: ignore[attr-defined]
    if kind is dict:
        return {key: to_plain(item) for key, item in value.items()}  # type: ignore[attr-defined]
    if is_dataclass(kind):
        return {name: to_plain(getattr(value, name)) for name in _defaults(kind)}
    return b64encode(value).decode() if kind is bytes else value  # type: ignore[arg-type]


def compact(value: object) -> Any:
    """Plain data without the fields that have their defaults, for what is kept by the million."""
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
    """The record of `kind` from its dict. Raises RecordError when a value has the wrong shape."""
    try:
        return cast("T", _converter(cast("Any", kind))(plain))
    except (TypeError, ValueError, KeyError, OverflowError, RecursionError) as error:
        raise RecordError(f"A {kind.__name__} cannot be read: {error}.") from error


@cache
def _defaults(kind: type) -> dict[str, Any]:
    """The default of each field; MISSING, which equals no value, for one without."""
    return {
        item.name: item.default
        if item.default is not MISSING
        else item.default_factory()
        if item.default_factory is not MISSING
        else MISSING
        for item in fields(kind)
    }


@cache
def _converter(kind: Any) -> Callable[[Any], Any]:
    """The function that makes a value of the annotation `kind` from plain data, built once."""
    origin = get_origin(kind)
    if kind is Any:
        return _as_it_is
    if origin in (Union, types.UnionType):
        choices = [choice for choice in get_args(kind) if choice is not type(None)]
        if len(choices) > 1:
            return _as_it_is
        only = _converter(choices[0])
        return lambda plain: None if plain is None else only(plain)
    if origin is tuple:
        return partial(_to_tuple, _converter(get_args(kind)[0]))
    if origin is dict:
        return partial(_to_dict, _converter(get_args(kind)[1]))
    if isinstance(kind, type):
        if is_dataclass(kind):
            hints = get_type_hints(kind)
            of_fields = {item.name: _converter(hints[item.name]) for item in fields(kind)}
            return partial(_to_record, kind, of_fields)
        if issubclass(kind, Enum):
            return kind
        if kind in (str, int, bool, float):
            return partial(_to_scalar, kind)
        if kind is bytes:
            return partial(b64decode, validate=True)
    return _as_it_is


def _as_it_is(plain: Any) -> Any:
    level = [plain]
    for _ in range(DEEPEST):
        level = [item for one in level if isinstance(one, (list, dict)) for item in _items(one)]
        if not level:
            return plain
    raise ValueError(f"it is nested more than {DEEPEST} deep")


def _items(one: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return one.values() if isinstance(one, dict) else one


def _to_tuple(convert: Callable[[Any], Any], plain: Any) -> tuple[Any, ...]:
    if not isinstance(plain, (list, tuple)):
        raise TypeError(f"expected a list, found {plain!r:.80}")
    return tuple(map(convert, plain))


def _to_dict(convert: Callable[[Any], Any], plain: Any) -> dict[str, Any]:
    if not isinstance(plain, dict):
        raise TypeError(f"expected an object, found {plain!r:.80}")
    return {str(key): convert(item) for key, item in plain.items()}


def _to_record(kind: Any, of_fields: dict[str, Callable[[Any], Any]], plain: Any) -> Any:
    if not isinstance(plain, dict):
        raise TypeError(f"expected an object, found {plain!r:.80}")
    return kind(**{k: of_fields[k](value) for k, value in plain.items() if k in of_fields})


def _to_scalar(kind: type, plain: Any) -> Any:
    if isinstance(plain, kind):
        return plain
    if kind is float and isinstance(plain, int):
        return float(plain)
    raise TypeError(f"expected {kind.__name__}, found {plain!r:.80}")
