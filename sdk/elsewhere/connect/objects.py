"""Connected objects and classes: their public attributes are the task's parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import is_dataclass
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final

from elsewhere.connect.api import Record
from elsewhere.connect.sections import apply_overrides, parameters, record_new, track
from elsewhere.core.errors import UsageError
from elsewhere.core.records import Parameter

_FUNCTIONS: Final = (FunctionType, BuiltinFunctionType, MethodType)


def connect_object(
    connected: object,
    section: str,
    overrides: Mapping[str, Parameter] | None,
    record: Record,
) -> Callable[[], None]:
    """Overrides and records the attributes of an instance, or of a class with all that it inherits,
    as `connect_dict` does the keys of a dict. Attributes that begin with an underscore, and those
    whose values a record cannot hold, are left alone.

    Returns the call that records, at the end, the attributes that have changed since: to notice
    each write, the program's class would have to become another one.
    """
    attributes = _Attributes(connected)
    apply_overrides(attributes, section, overrides)
    record_new(attributes, section, overrides, record, is_quiet=True)
    return track(lambda: parameters(attributes, section, is_quiet=True), record)


def has_attributes(given: object) -> bool:
    """Returns whether an object has attributes to connect: builtins and functions have none of the
    program's."""
    if isinstance(given, type):
        return given.__module__ != "builtins"
    if isinstance(given, _FUNCTIONS):
        return False
    return hasattr(given, "__dict__") or any(_slots(type(given)))


class _Attributes(MutableMapping[str, Any]):
    """The public attributes as a mapping: an instance's own, all of a class."""

    def __init__(self, of: object) -> None:
        self._of = of

    def __iter__(self) -> Iterator[str]:
        of = self._of
        if isinstance(of, type):
            names = [name for kind in reversed(of.__mro__[:-1]) for name in vars(kind)]
        else:
            filled = (name for name in _slots(type(of)) if hasattr(of, name))
            names = [*filled, *getattr(of, "__dict__", ())]
        return iter([name for name in dict.fromkeys(names) if not name.startswith("_")])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, name: str) -> Any:
        if isinstance(self._of, type):  # as the class has it: descriptors are not called
            return next(vars(kind)[name] for kind in self._of.__mro__ if name in vars(kind))
        return getattr(self._of, name)

    def __setitem__(self, name: str, value: Any) -> None:
        try:
            setattr(self._of, name, value)
        except AttributeError as error:
            if is_dataclass(self._of):  # a frozen one, which sets its own fields in this way
                object.__setattr__(self._of, name, value)
                return
            raise UsageError(
                f"The attribute {name!r} of a connected {type(self._of).__name__} cannot be set to"
                f" the task's parameter: {error}. Let it be set, or connect a dict."
            ) from error

    def __delitem__(self, name: str) -> None:
        delattr(self._of, name)


def _slots(kind: type) -> list[str]:
    """Returns the names of all `__slots__`."""
    found: list[str] = []
    for one in kind.__mro__:
        slots = vars(one).get("__slots__", ())
        found += [slots] if isinstance(slots, str) else slots
    return [name for name in found if not name.startswith("__")]
