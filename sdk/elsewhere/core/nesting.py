"""Nested values: the leaves in them, each with the name of its parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TypeAlias

from elsewhere.core.codec import DEEPEST
from elsewhere.core.errors import UsageError
from elsewhere.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value within nested ones, at the keys of `path`; `name` is that of its parameter."""

    path: tuple[Any, ...]
    name: str
    value: Any


#: returns the keys and values of what nests, None for a leaf
Children: TypeAlias = Callable[[object], "Iterable[tuple[Any, Any]] | None"]


def of_mapping(node: object) -> Iterable[tuple[Any, Any]] | None:
    """The items of a dict or another mutable mapping. An empty one is a leaf, and so is a list."""
    return node.items() if isinstance(node, MutableMapping) and node else None


def leaves(root: object, section: str, children: Children = of_mapping) -> list[Leaf]:
    """The leaves below `root`, whose `children` may be nested, named `Section/a/b`.

    Raises UsageError for two leaves of one name, and for what contains itself or is nested too
    deeply.
    """
    found: dict[str, Leaf] = {}
    for leaf in _below(root, section, children, (id(root),), ()):
        other = found.setdefault(leaf.name, leaf)
        if other is not leaf:
            raise UsageError(
                f"Two values would be the one parameter {leaf.name!r:.200}: those at the keys"
                f" {_shown(other.path)} and {_shown(leaf.path)}. Rename one of them."
            )
    return list(found.values())


def flatten(nested: Mapping[Any, Any], section: str) -> dict[str, Any]:
    """Maps `Section/a/b` to the value of each leaf. Raises UsageError as `leaves` does."""
    return {leaf.name: leaf.value for leaf in leaves(nested, section)}


def _shown(path: tuple[Any, ...]) -> str:
    return " -> ".join(f"{key!r:.80}" for key in path)


def _below(
    node: object,
    name: str,
    children: Children,
    above: tuple[int, ...],
    path: tuple[Any, ...],
) -> Iterator[Leaf]:
    for key, value in children(node) or ():
        here, inner = (*path, key), f"{name}/{key}"
        if children(value) is None:
            yield Leaf(here, inner, value)
        elif id(value) in above or len(above) >= DEEPEST:
            raise UsageError(
                f"{inner:.200} cannot be recorded: it contains itself, or is nested more than"
                f" {DEEPEST} deep. Leave it out."
            )
        else:
            yield from _below(value, inner, children, (*above, id(value)), here)
