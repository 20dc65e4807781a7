"""Parameters that a class declares, with their types, ranges and descriptions.

class Config(TaskParameters):
    rate = param(default=0.1, type=float, range=(0, 1), desc="How fast it learns.")
    dropout = percent_param(default=50)

config = task.connect(Config(rate=0.2))
"""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, ClassVar, Final, get_origin

from elsewhere.connect.api import Record
from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.events import Parameters
from elsewhere.core.params import cast, to_parameter
from elsewhere.core.records import Parameter
from elsewhere.core.secret_parameters import shown
from elsewhere.core.secrets import is_hidden

logger = logging.getLogger(__name__)

_REQUIRED: Final = object()
_KINDS: Final = (bool, int, float, str, list, tuple, dict, Enum, os.PathLike)


def param(
    validator: Callable[[Any], object] | None = None,
    range: tuple[Any, Any] | None = None,  # noqa: A002 - the argument's known name
    type: type | None = None,  # noqa: A002
    desc: str | None = None,
    metadata: Mapping[str, object] | None = None,
    *,
    default: object = _REQUIRED,
) -> Any:
    """Declares a parameter of a `TaskParameters` class; without a `default` it must be given.

    `validator` is called with each value; it refuses by returning False, or by raising ValueError,
    TypeError or AssertionError. `range` is the least and the greatest value, None for no limit.
    `type` is bool, int, float, str, list, tuple, dict, an Enum or a path: values are cast to it;
    None takes any. `desc` is recorded as the description, `metadata` is kept as it is. A value may
    be None if the `default` is. Raises UsageError for a wrong `type`, `range` or `validator`.
    """
    return _Param(default, type, range, validator, desc or "", metadata or {})


def percent_param(
    validator: Callable[[Any], object] | None = None,
    desc: str | None = None,
    metadata: Mapping[str, object] | None = None,
    *,
    default: object = _REQUIRED,
) -> Any:
    """Declares a number from 0 to 100; `validator`, `desc`, `metadata` and `default` are `param`'s.

    Raises UsageError for a `validator` that is not a function.
    """
    return _Param(default, float, (0, 100), validator, desc or "", metadata or {})


class TaskParameters:
    """Values of the parameters that a class declares by `param` and `percent_param`.

    `args` are values in the order of declaration, `kwargs` are values by name. Raises UsageError,
    here and when an attribute is set, for a value that its declaration does not take, and for names
    that are unknown, missing or given twice.
    """

    _connections: ClassVar[tuple[Callable[[Mapping[str, object]], None], ...]] = ()

    def __init__(self, *args: object, **kwargs: object) -> None:
        declared, name = self._declared(), type(self).__name__
        if len(args) > len(declared):
            raise UsageError(f"{name} takes {len(declared)} values, not {len(args)}.")
        given = dict(zip(declared, args, strict=False))
        if twice := sorted(given.keys() & kwargs.keys()):
            raise UsageError(f"{name} was given {twice[0]!r} twice.")
        given |= kwargs
        for key, item in declared.items():
            if key not in given and item.default is _REQUIRED:
                raise UsageError(f"{name} has no default for {key!r}: give it.")
        defaults = {key: copy.deepcopy(item.default) for key, item in declared.items()}
        self.update_from_dict(defaults | given)

    def to_dict(self) -> dict[str, Any]:
        """Returns the values by name, in the order of their declaration."""
        return {name: getattr(self, name) for name in self._declared()}

    def update_from_dict(self, source_dict: Mapping[str, object]) -> None:
        """Sets all values of `source_dict`, by name, or none.

        Raises UsageError for an unknown name and for a value that its declaration does not take.
        """
        if not isinstance(source_dict, Mapping):
            raise UsageError(f"update_from_dict takes a dict, not {source_dict!r:.80}.")
        declared = self._declared()
        for name in source_dict:
            if name not in declared:
                known = known_choices(str(name), declared)
                raise UsageError(f"{type(self).__name__} has no parameter {name!r:.80}. {known}")
        self._write({key: declared[key].checked(value) for key, value in source_dict.items()})

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.to_dict().items())
        return f"{type(self).__name__}({values})"

    def __getstate__(self) -> dict[str, Any]:
        """Returns the state of a copy, which is not connected."""
        return {name: value for name, value in vars(self).items() if name != "_connections"}

    def _write(self, values: Mapping[str, object]) -> None:
        vars(self).update(values)
        for record_values in self._connections:
            record_values(values)

    @classmethod
    def _declared(cls) -> dict[str, _Param]:
        """Returns the declarations by name, those of base classes first."""
        found = {name: item for kind in reversed(cls.__mro__) for name, item in vars(kind).items()}
        return {name: item for name, item in found.items() if isinstance(item, _Param)}


def connect_task_parameters(
    connected: TaskParameters,
    section: str,
    overrides: Mapping[str, Parameter] | None,
    record: Record,
) -> None:
    """Overrides and records the values as `connect_dict` does, and records later writes."""
    overrides, declared = overrides or {}, connected._declared()
    applied = {}
    for name, item in declared.items():
        full_name = f"{section}/{name}"
        override = overrides.get(full_name)
        if override is not None and not is_hidden(override.value):
            own = getattr(connected, name)
            value = cast(override, own if item.kind is None else item.sample(own), full_name)
            applied[name] = item.checked(value, full_name)
    connected._write(applied)

    def record_values(values: Mapping[str, object]) -> None:
        found = {}
        for name, value in values.items():
            try:
                parameter = to_parameter(value, declared[name].description)
                found[f"{section}/{name}"] = shown(name, parameter)
            except UsageError as error:
                logger.warning("%s/%s is not recorded. %s", section, name, error)
        if found:
            record(Parameters(values=found))

    values = connected.to_dict().items()
    record_values({name: one for name, one in values if f"{section}/{name}" not in overrides})
    vars(connected)["_connections"] = (*connected._connections, record_values)


class _Param:
    """The declaration and the attribute; the value is kept in the instance's `__dict__`."""

    def __init__(
        self,
        default: object,
        kind: object,
        range_: object,
        validator: Callable[[Any], object] | None,
        text: str,
        metadata: Mapping[str, object],
    ) -> None:
        # On Python 3.10 list[int] is an instance of type, but not a class.
        if kind is not None and not (
            isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, _KINDS)
        ):
            names = ", ".join(one.__name__ for one in _KINDS)
            raise UsageError(f"A parameter cannot have the type {kind!r:.80}. Known: {names}.")
        if range_ is not None and not (isinstance(range_, (tuple, list)) and len(range_) == 2):
            raise UsageError(
                f"A parameter's range is its least and its greatest value, not {range_!r:.80}."
            )
        if validator is not None and not callable(validator):
            raise UsageError(f"A parameter's validator is a function, not {validator!r:.80}.")
        self.default = default
        self.kind = kind
        self.metadata = metadata
        self._low: Any = range_[0] if range_ else None
        self._high: Any = range_[1] if range_ else None
        self._validator = validator
        span = f"{self._span[:1].upper()}{self._span[1:]}." if range_ else ""
        self.description = f"{text} {span}".strip()
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: TaskParameters | None, owner: type | None = None) -> Any:
        return self if instance is None else vars(instance)[self._name]

    def __set__(self, instance: TaskParameters, value: object) -> None:
        instance._write({self._name: self.checked(value)})

    def sample(self, own: object = None) -> object:
        """Returns a value of the type: `own`, if it is one."""
        kind = self.kind
        assert kind is not None
        if isinstance(own, kind):
            return own
        return next(iter(kind)) if issubclass(kind, Enum) else kind()

    def checked(self, value: object, name: str = "") -> object:
        """Returns the value, cast and within its range. Raises UsageError, which names `name`."""
        name = name or self._name
        kind = self.kind
        if kind is not None and value is not None:
            # bool is a subclass of int, but True is not taken for a number.
            is_one = isinstance(value, kind) and isinstance(value, bool) <= (kind is bool)
            value = value if is_one else cast(to_parameter(value), self.sample(), name)
        if value is None:
            if kind is None or self.default is None:
                return None
            raise UsageError(f"Parameter {name!r} cannot be None: it takes {kind.__name__}.")
        if not self._is_within(value):
            raise UsageError(
                f"Parameter {name!r} cannot be {value!r:.200}: it must be {self._span}."
            )
        self._validate(value, name)
        return value

    @property
    def _span(self) -> str:
        low = [] if self._low is None else [f"at least {self._low}"]
        high = [] if self._high is None else [f"at most {self._high}"]
        return " and ".join((*low, *high))

    def _is_within(self, value: Any) -> bool:
        try:
            is_low = self._low is not None and not value >= self._low
            return not is_low and not (self._high is not None and not value <= self._high)
        except TypeError:
            return False

    def _validate(self, value: object, name: str) -> None:
        if self._validator is None:
            return
        why = "its validator refuses it"
        try:
            if self._validator(value) is not False:
                return
        except (ValueError, TypeError, AssertionError) as error:
            raise UsageError(
                f"Parameter {name!r} cannot be {value!r:.200}: {str(error) or why}."
            ) from error
        raise UsageError(f"Parameter {name!r} cannot be {value!r:.200}: {why}.")
