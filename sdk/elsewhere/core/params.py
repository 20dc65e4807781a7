"""Parameters: values that keep their types, names with sections, and what people type for them.

A full name is `Section/name`. A name may hold further slashes: `General/optimizer/lr`.
"""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, Final, TypeGuard

from elsewhere.core.codec import DEEPEST
from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.records import Json, Parameter

#: the section of a name that has none
GENERAL: Final = "General"


def split_name(name: str) -> tuple[str, str]:
    """Splits `lr` into `("General", "lr")`. Raises UsageError for an empty section or name."""
    section, slash, rest = name.partition("/")
    if not slash:
        section, rest = GENERAL, name
    if not section or not rest:
        raise UsageError(f"{name!r} does not name a parameter: write `name` or `Section/name`.")
    return section, rest


def full_name(name: str) -> str:
    """Adds the default section: `lr` is `General/lr`; a name with a section stays."""
    return "/".join(split_name(name))


def as_edit(new: Parameter, old: Parameter | None) -> Parameter:
    """Returns `new` as a person's edit of the parameter `old`. The same value is not an edit."""
    if old is None:
        return replace(new, is_edit=True)
    is_edit = old.is_edit or not is_same(new.value, old.value)
    return replace(new, is_edit=is_edit, is_explicit=old.is_explicit)


def yielding(parameters: Mapping[str, Parameter], argv: Iterable[str]) -> dict[str, Parameter]:
    """Returns the edits among the `parameters` that are none any more, since the words of a new
    command line give them."""
    typed = {word.lstrip("-+~").partition("=")[0].replace("-", "_") for word in argv}
    return {
        name: replace(one, is_edit=False)
        for name, one in parameters.items()
        if one.is_edit and name.rpartition("/")[2] in typed
    }


def is_same(one: Json, other: Json) -> bool:
    """Whether two values are equal; True and 1 are not."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def to_parameter(value: object, description: str = "", type_name: str = "") -> Parameter:
    """The parameter of a value. With a `type_name` such as `int` the value is made one, or read as
    one where it is a text.

    Enum members go by their names, paths by their text, scalars of numpy by their Python value.
    Raises UsageError for a value that JSON does not have.
    """
    if isinstance(value, str) and type_name in _SAMPLES:
        return Parameter(value=from_text(value, type_name), type=type_name, description=description)
    if type_name in _SAMPLES and value is not None:
        value = cast(Parameter(value=_to_json(value)[0]), _SAMPLES[type_name])
    if isinstance(value, Enum) and not description:
        description = f"One of {', '.join(type(value).__members__)}."
    plain, found = _to_json(value)
    return Parameter(value=plain, type=type_name or found, description=description)


def to_value(parameter: Parameter) -> object:
    """The value as the program had it, except that Enum members and paths are texts."""
    if parameter.type == "tuple" and isinstance(parameter.value, list):
        return tuple(parameter.value)
    return parameter.value


def meaning(parameter: Parameter) -> object:
    """The value; a text without a recorded type is read as the literal it looks like: '5' is 5."""
    value = to_value(parameter)
    is_open = isinstance(value, str) and parameter.type in ("", "NoneType")
    return _guess(value) if is_open and isinstance(value, str) else value


def is_type_name(name: str) -> bool:
    """Whether parameters have a type of this `name`, and texts are read as it."""
    return name in _SAMPLES


def checked_type(given: object) -> str:
    """The name of a type that parameters have, given by itself or by its name; None is no name.

    Raises UsageError with the known ones.
    """
    if given is None:
        return ""
    name = given.__name__ if isinstance(given, type) else given
    if not isinstance(name, str) or name not in (*_SAMPLES, "NoneType"):
        known = known_choices(str(name), _SAMPLES)
        raise UsageError(f"A parameter cannot have the type {name!r:.80}. {known}")
    return name


def is_scalar(value: object) -> TypeGuard[Any]:
    """Whether `value` is a scalar of numpy, or an array or a tensor without dimensions."""
    return getattr(value, "ndim", None) == 0 and hasattr(value, "item")


def is_recorded_as(like: object, value: Json) -> bool:
    """True when a record holds `value` where the program has `like`."""
    try:
        plain = _to_json(like)[0]
    except UsageError:
        return False
    # By their texts, too: NaN does not equal itself.
    return type(plain) is type(value) and (plain == value or _sorted(plain) == _sorted(value))


def to_text(value: Json) -> str:
    """Formats a value for people to edit. None is the empty text; `from_text` is the way back."""
    if value is None:
        return ""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def from_text(text: str, type_name: str = "", name: str = "") -> Json:
    """The value that a text means. Without a known type: JSON or a Python literal, else the text.

    Raises UsageError, which names the parameter `name`, when the text does not suit the type.
    """
    if type_name in _SAMPLES:
        return _to_json(cast(text, _SAMPLES[type_name], name))[0]
    return text if type_name not in ("", "NoneType") else _guess(text)


def cast(given: Parameter | str, like: object, name: str = "") -> object:
    """An override, typed or typed in, as the type of `like`, which is the code's own value.

    Equal to what `like` would be recorded as: `like` itself. None, and an empty text where the code
    has no text: None. Nothing that would lose something is accepted: `5.0` is an int, `0.5` is not.
    Where the code has None, the parameter's own type counts. What stands in a list, a tuple or a
    dict is a tuple, an Enum member, a path or a number of numpy where the code has one there.

    Raises UsageError, which names what would be accepted.
    """
    parameter = given if isinstance(given, Parameter) else Parameter(value=given)
    value = parameter.value
    if is_recorded_as(like, value):
        return like
    if value is None or (value == "" and not isinstance(like, str)):
        return None
    if like is None:
        if isinstance(value, str) and parameter.type in _SAMPLES:
            return cast(value, _SAMPLES[parameter.type], name)
        return meaning(parameter)
    try:
        return _convert(value, like)
    except (ValueError, TypeError, LookupError, OverflowError, SyntaxError) as error:
        wanted = _accepted(value, like)
        subject = f"Parameter {name!r}" if name else "A parameter"
        raise UsageError(f"{subject} cannot be {value!r:.200}: {wanted}") from error


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Reverses `flatten`. Below a name that is a leaf itself the slashes stay: nothing is lost."""
    nested: dict[str, Any] = {}
    leaves = {name for name, value in flat.items() if value != {}}
    for name, value in flat.items():
        *parts, last = name.split("/")
        node, path = nested, ""
        for index, part in enumerate(parts):
            path = f"{path}/{part}" if path else part
            if path in leaves:
                last = "/".join((*parts[index:], last))
                break
            node = node.setdefault(part, {})
        if value == {}:
            node.setdefault(last, {})
        else:
            node[last] = value
    return nested


#: A value of each type whose texts can be read.
_SAMPLES: Final[dict[str, Any]] = {
    "bool": False,
    "int": 0,
    "float": 0.0,
    "str": "",
    "list": [],
    "tuple": (),
    "dict": {},
}
_BOOLS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NESTED: Final = (list, tuple, Mapping)
_ACCEPTED: Final[dict[type, str]] = {
    bool: "true or false (also yes, no, 1, 0)",
    int: "a whole number",
    float: "a number",
    list: "a list such as [1, 2]",
    tuple: "a tuple such as (1, 2)",
    Mapping: 'a dict such as {"a": 1}',
    os.PathLike: "a path",
}


def _to_json(value: object, depth: int = 1) -> tuple[Json, str]:
    """The plain value and its type's name. `depth`: levels that this one stands at, for a list that
    contains itself has no end."""
    if value is None:
        return None, "NoneType"
    if isinstance(value, Enum):
        return value.name, type(value).__name__
    if isinstance(value, str):
        # A name that is not UTF-8 comes from the system with surrogates; no record can hold them.
        return str.__str__(value).encode(errors="replace").decode(), "str"
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value), kind.__name__
    if depth >= DEEPEST:
        raise UsageError(
            f"A {type(value).__name__} that contains itself, or is nested more than {DEEPEST} deep,"
            " cannot be a parameter."
        )
    if _is_list(value) or isinstance(value, tuple):
        kind_name = "tuple" if isinstance(value, tuple) else "list"
        return [_to_json(item, depth + 1)[0] for item in value], kind_name
    if isinstance(value, Mapping):
        plain = {_key(key): _to_json(item, depth + 1)[0] for key, item in value.items()}
        if len(plain) == len(value):
            return plain, "dict"
        raise UsageError(
            f"A {type(value).__name__} with two keys of the same text, such as 1 and '1', cannot be"
            " a parameter."
        )
    if isinstance(value, os.PathLike):
        return _to_json(os.fspath(value))[0], "Path"
    if is_scalar(value):
        item = value.item()
        if type(item) in (bool, int, float, str):
            return _to_json(item)
    raise UsageError(
        f"A {type(value).__name__} cannot be a parameter. Use None, bool, int, float, str, an Enum "
        "member, a path, or lists, tuples and dicts of these."
    )


def _key(key: object) -> str:
    return to_text(_to_json(key)[0])


def _sorted(plain: Json) -> str:
    return json.dumps(plain, sort_keys=True)


def _is_list(value: object) -> TypeGuard[MutableSequence[Any]]:
    """Whether `value` is a list, or what behaves as one, such as a ListConfig of OmegaConf."""
    is_bytes = isinstance(value, bytearray) or hasattr(value, "itemsize")
    return isinstance(value, MutableSequence) and not is_bytes


def _convert(value: Any, like: Any) -> object:
    """Converts `value`, neither None nor empty, to `like`'s type; raises errors of the builtins."""
    plain = _literal(value) if isinstance(value, str) and _is_nested(like) else value
    if is_scalar(like):
        return _to_scalar(_convert(value, like.item()), like)
    if isinstance(like, Enum) and isinstance(value, str):
        return type(like)[value]
    if isinstance(like, bool):
        return value if isinstance(value, bool) else _BOOLS[to_text(value).strip().lower()]
    if isinstance(like, int) and not isinstance(value, bool):
        return _to_int(value)
    if isinstance(like, float) and not isinstance(value, bool):
        return float(value)
    if isinstance(like, str):
        return to_text(value)
    if isinstance(plain, (list, tuple)) and (_is_list(like) or isinstance(like, tuple)):
        return _to_list(plain, like)
    if isinstance(like, Mapping) and isinstance(plain, dict):
        own = {_key(key): key for key in like}
        names = ((name, own.get(str(name), name)) for name in plain)
        return {key: _restored(plain[name], like.get(key)) for name, key in names}
    if isinstance(like, os.PathLike):
        return type(like)(value)  # type: ignore[call-arg]
    raise TypeError(type(like).__name__)


def _is_nested(like: object) -> bool:
    return isinstance(like, _NESTED) or _is_list(like)


def _to_list(items: Sequence[Any], like: Any) -> object:
    """Makes `items` a list or a tuple as `like`. Those that it has no place for are restored by its
    last one, if all of them are of one type."""
    rest = like[-1] if len({type(item) for item in like}) == 1 else None
    places = [*like, *[rest] * (len(items) - len(like))]
    made = [_restored(item, place) for item, place in zip(items, places, strict=False)]
    if isinstance(like, tuple):
        return like._make(made) if hasattr(like, "_make") else tuple(made)
    if isinstance(like, list):
        return made
    other = copy.copy(like)
    other.clear()
    other.extend(made)
    return other


def _restored(value: Json, like: object) -> object:
    """Returns a `value` that stands in another one as the type of `like`, if JSON lacks that."""
    is_nested = isinstance(value, (list, dict)) and _is_nested(like)
    is_foreign = isinstance(like, (Enum, os.PathLike)) or is_scalar(like)
    return cast(Parameter(value=value), like) if is_nested or is_foreign else value


def _to_scalar(plain: Any, like: Any) -> object:
    """Returns `plain` as the scalar of numpy, or the array or tensor of one number, that `like` is.
    Raises OverflowError for a number that its type does not hold."""
    if hasattr(like, "new_tensor"):
        made = like.new_tensor(plain)
    elif hasattr(like, "dtype"):
        made = like.dtype.type(plain)
        if not isinstance(like, type(made)):
            made = copy.copy(like)
            made[()] = plain
    else:
        return plain
    number = made.item()
    if number != plain and (isinstance(plain, int) or math.isinf(number)):
        raise OverflowError(plain)
    return made


def _to_int(value: Any) -> int:
    try:
        return int(value) if isinstance(value, (int, str)) else _whole(float(value))
    except ValueError:
        return _whole(float(value))


def _whole(number: float) -> int:
    if number.is_integer():
        return int(number)
    raise ValueError(number)


def _literal(text: str) -> Any:
    """Reads JSON or a Python literal. Raises ValueError or SyntaxError."""
    try:
        return json.loads(text)
    except ValueError:
        import ast  # noqa: PLC0415 - weight: few texts are Python literals

        return ast.literal_eval(text.strip())


def _guess(text: str) -> Json:
    """Reads a text without a known type as the literal that it looks like."""
    if not text:
        return None
    try:
        return _to_json(_literal(text))[0]
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # UsageError is a ValueError
        return text


def _accepted(value: object, like: object) -> str:
    """The end of the sentence that refuses `value`."""
    if isinstance(like, Enum):
        return known_choices(str(value), type(like).__members__)
    if is_scalar(like):
        return f"{_accepted(value, like.item())[:-1]} that a {type(like).__name__} can hold."
    for kind, accepted in _ACCEPTED.items():
        if isinstance(like, kind):
            return f"it takes {accepted}."
    return f"the code has a {type(like).__name__} there, which no text can give."
