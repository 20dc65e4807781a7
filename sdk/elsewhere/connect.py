"""Connected dicts: their content is the task's parameters, overridden before the program reads it
and recorded when the program writes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Final

from elsewhere.errors import UsageError
from elsewhere.events import Event, Parameters
from elsewhere.params import HIDDEN, cast, flatten, is_hidden, is_secret, to_parameter
from elsewhere.records import Parameter

__all__ = ["ConnectedDict", "connect_dict"]

log = logging.getLogger(__name__)

Record = Callable[[Event], None]


def connect_dict(
    mutable: MutableMapping[Any, Any],
    section: str,
    overrides: Mapping[str, Parameter] | None,
    record: Record,
) -> ConnectedDict:
    """The dict with its overrides, in place too, as one whose further writes are recorded.

    `overrides` is None on a local run, which records all keys. Else the keys that the overrides
    know take their values, as the types that the code has there, the others are recorded, and no
    key is added. Raises UsageError, with nothing changed, for an override of another type.
    """
    known = overrides or {}
    changes = [
        (node, key, cast(known[name], node[key], name))
        for node, key, name in _leaves(mutable, section)
        if name in known and not is_hidden(name, known[name])
    ]
    for node, key, value in changes:
        node[key] = value
    connected = ConnectedDict(mutable, section, record)
    new = {name: p for name, p in _parameters(connected, section).items() if name not in known}
    if new:
        record(Parameters(values=new))
    return connected


class ConnectedDict(dict[Any, Any]):
    """A dict whose writes are recorded, nested ones too. It is copied and pickled as a plain dict.

    Keys that go away stay in the record: it says what the run was given, and a program that takes
    its values out (`lr = config.pop("lr")`) is overridden by them the next time.
    """

    __slots__ = ("_record", "_section")

    def __init__(self, content: Mapping[Any, Any], section: str, record: Record) -> None:
        super().__init__()
        self._section: Final = section
        self._record: Final = record
        for key, value in content.items():
            super().__setitem__(key, self._adopt(key, value))

    def __setitem__(self, key: Any, value: Any) -> None:
        self._write({key: value})

    def __ior__(self, other: Any) -> ConnectedDict:  # type: ignore[misc]  # noqa: PYI034 - Self is 3.11
        self._write(dict(other))
        return self

    def update(self, *others: Any, **values: Any) -> None:
        self._write(dict(*others, **values))

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self._write({key: default})
        return self[key]

    def copy(self) -> dict[Any, Any]:
        """A plain dict, nested ones too."""
        return {
            key: value.copy() if isinstance(value, ConnectedDict) else value
            for key, value in self.items()
        }

    def __reduce_ex__(self, _protocol: Any) -> Any:
        return dict, (self.copy(),)

    def _write(self, values: dict[Any, Any]) -> None:
        for key, value in values.items():
            super().__setitem__(key, self._adopt(key, value))
        if new := _parameters({key: self[key] for key in values}, self._section):
            self._record(Parameters(values=new))

    def _adopt(self, key: Any, value: Any) -> Any:
        # Dicts with a mind of their own (defaultdict, ...) stay what they are.
        if type(value) in (dict, ConnectedDict):
            return ConnectedDict(value, f"{self._section}/{key}", self._record)
        return value


def _leaves(
    node: MutableMapping[Any, Any], section: str
) -> Iterator[tuple[MutableMapping[Any, Any], Any, str]]:
    """Where each leaf lies, its key and its parameter's name: the leaves of `flatten`."""
    for key, value in node.items():
        if value and isinstance(value, MutableMapping):
            yield from _leaves(value, f"{section}/{key}")
        else:
            yield node, key, f"{section}/{key}"


def _parameters(content: Mapping[Any, Any], section: str) -> dict[str, Parameter]:
    """The parameters of the leaves that can be recorded; the others are left out, with a word."""
    parameters = {}
    for name, value in flatten(content, section).items():
        try:
            parameter = to_parameter(value)
        except UsageError as error:
            log.warning("%s is not recorded. %s", name, error)
            continue
        hidden = is_secret(name) and isinstance(value, str)
        parameters[name] = Parameter(value=HIDDEN, type="str") if hidden else parameter
    return parameters
