"""Frozen dataclasses, as Python's own but for the time that it takes to define one.

Python writes and compiles the source of six methods for each class: with some eighty classes that
was a quarter of what `Task.init` costs. Here it does so for `__init__`; the others are functions
that all classes share, and look at the fields when they are called.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - passed on
else:

    def dataclass(*, frozen: bool, slots: bool, kw_only: bool = False):
        """Python's decorator of that name, for `@dataclass(frozen=True, slots=True)` alone."""
        if not (frozen and slots):
            raise TypeError("Only a frozen dataclass with slots is defined here.")

        def decorate(cls: type) -> type:
            own = {name for name in _SHARED if cls.__dict__.get(name) is not None}
            made = dataclasses.dataclass(slots=True, kw_only=kw_only, repr=False, eq=False)(cls)
            for name in _SHARED.keys() - own:
                setattr(made, name, _SHARED[name])
            return made

        return decorate


def _set(self: Any, name: str, value: object) -> None:
    """Sets a field once, which `__init__` does."""
    if name not in self.__dataclass_fields__ or hasattr(self, name):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _delete(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


@cache
def _compared(cls: Any) -> tuple[str, ...]:
    return tuple(one.name for one in dataclasses.fields(cls) if one.compare)


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, name) for name in _compared(self.__class__))


def _equal(self: object, other: object) -> Any:
    return _values(self) == _values(other) if type(self) is type(other) else NotImplemented


def _hash(self: object) -> int:
    return hash(_values(self))


def _text(self: Any) -> str:
    shown = (one.name for one in dataclasses.fields(self) if one.repr)
    values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({values})"


_SHARED: Any = {
    "__setattr__": _set,
    "__delattr__": _delete,
    "__eq__": _equal,
    "__hash__": _hash,
    "__repr__": _text,
}
