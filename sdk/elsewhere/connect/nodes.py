"""What nests in a connected value: dicts, objects with fields, and lists of such objects.

Each gives its keys and values, and takes new ones: a dict by its keys, an object by the names of
its public attributes, a list by its indexes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from copy import copy
from dataclasses import is_dataclass
from enum import Enum
from functools import partial
from types import SimpleNamespace
from typing import Any, Final

from elsewhere.core.codec import DEEPEST
from elsewhere.core.errors import UsageError
from elsewhere.core.imported import is_instance
from elsewhere.core.nesting import Leaf, leaves

#: values of a record, whatever class of the program they belong to
_PLAIN: Final = (str, int, float, list, tuple, Enum, os.PathLike)


class Unreadable:
    """Stands for a value that its owner does not give, such as one that OmegaConf calls missing."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def leaves_of(root: object, section: str) -> list[Leaf]:
    """The leaves below `root`, a dict, a class or an object of any kind; see `nesting.leaves`.

    Raises UsageError for two of one name, and for what contains itself.
    """
    return leaves(root, section, partial(_children, root))


def is_mapping(given: object) -> bool:
    """Whether `given` has keys, as a dict: also a ConfigDict of ml_collections."""
    return isinstance(given, MutableMapping) or is_instance(given, "ml_collections", "ConfigDict")


def attribute_names(of: object) -> list[str]:
    """The public attributes: an instance's own, all of a class, inherited ones too."""
    if isinstance(of, type):
        names = [name for kind in reversed(of.__mro__[:-1]) for name in vars(kind)]
    else:
        filled = (name for name in slots(type(of)) if hasattr(of, name))
        extra = getattr(of, "__pydantic_extra__", None) or ()
        names = [*filled, *getattr(of, "__dict__", ()), *extra]
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


def slots(kind: type) -> list[str]:
    """The names of all `__slots__`."""
    found: list[str] = []
    for one in kind.__mro__:
        names = vars(one).get("__slots__", ())
        found += [names] if isinstance(names, str) else names
    return [name for name in found if not name.startswith("__")]


def put(root: object, leaf: Leaf, value: object) -> None:
    """Sets `value` in the place of `leaf` below `root`. Raises UsageError where an object of the
    program refuses it.

    In a tuple or a frozen object it becomes another one, since others may use the same: a frozen
    object is a usual default of a field. Only `root` itself is changed in place.
    """
    nodes: list[Any] = [root]
    for key in leaf.path[:-1]:
        nodes.append(_value(nodes[-1], key))
    for node, key in zip(reversed(nodes), reversed(leaf.path), strict=True):
        try:
            instead = _with(node, key, value, is_root=node is root)
        except Exception as error:  # the program's own class, or one of its libraries
            what = "key" if is_mapping(node) else "attribute"
            raise UsageError(
                f"The {what} {key!r:.80} of a connected {type(node).__name__} cannot be set to the"
                f" task's parameter {leaf.name!r:.200}: {first_line(error)}. Let it be set, or"
                " connect a dict."
            ) from error
        if instead is node:
            return
        value = instead


def first_line(error: Exception) -> str:
    """The first line of an error's message, without a full stop: some libraries add details."""
    return str(error).partition("\n")[0].rstrip(".")


def _children(root: object, node: object) -> list[tuple[Any, Any]] | None:
    if is_mapping(node):
        keys: Any = node
        return [(key, _value(node, key)) for key in keys.keys()] or None  # noqa: SIM118
    if node is root or _is_object(node):
        return list(_attributes(node))
    if isinstance(node, (list, tuple)) and _has_objects(node):
        return list(enumerate(node))
    return None


def _is_object(given: object) -> bool:
    """Whether `given` is an object whose attributes are its fields."""
    if isinstance(given, (type, Mapping, *_PLAIN)):
        return False
    return (
        is_dataclass(given)
        or hasattr(type(given), "__attrs_attrs__")
        or isinstance(given, SimpleNamespace)
        or is_instance(given, "argparse", "Namespace")
        or is_instance(given, "pydantic", "BaseModel")
    )


def _has_objects(value: object, depth: int = 0) -> bool:
    """Whether there is such an object in a list, a tuple or a dict, at any depth; True for one that
    has no end, which `leaves` refuses."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        return _is_object(value)
    return depth > DEEPEST or any(_has_objects(item, depth + 1) for item in value)


def _attributes(of: object) -> Iterator[tuple[str, Any]]:
    for name in attribute_names(of):
        if not isinstance(of, type):
            yield name, _value(of, name)
            continue
        value = next(vars(kind)[name] for kind in of.__mro__ if name in vars(kind))
        if not hasattr(type(value), "__get__"):  # methods and properties
            yield name, value


def _value(node: Any, key: Any) -> object:
    try:
        is_keyed = is_mapping(node) or isinstance(node, (list, tuple))
        return node[key] if is_keyed else getattr(node, key)
    except Exception as error:  # noqa: BLE001 - the program's own class, or one of its libraries
        return Unreadable(error)


def _with(node: Any, key: Any, value: object, *, is_root: bool) -> object:
    """Sets a value in `node` and returns that; one that cannot be changed, as a new one with it."""
    if isinstance(node, tuple):
        items = (*node[:key], value, *node[key + 1 :])
        return node._make(items) if hasattr(node, "_make") else items
    try:
        if is_mapping(node) or isinstance(node, list):
            node[key] = value
        else:
            setattr(node, key, value)
    except (AttributeError, ValueError):
        if not _is_frozen(node, key):
            raise
        node = node if is_root else copy(node)
        object.__setattr__(node, key, value)  # as it sets its own fields
    return node


def _is_frozen(of: Any, name: Any) -> bool:
    if is_instance(of, "pydantic", "BaseModel"):
        config = getattr(type(of), "model_config", {})
        field = getattr(type(of), "model_fields", {}).get(name)
        return bool(config.get("frozen") or getattr(field, "frozen", False))
    return is_dataclass(of) or hasattr(type(of), "__attrs_attrs__")
