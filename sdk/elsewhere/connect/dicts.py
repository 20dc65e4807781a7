"""Connected dicts: their content is the task's parameters, overridden before the program reads it
and recorded when the program writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final

from elsewhere.connect.api import Record
from elsewhere.connect.sections import apply_overrides, parameters, record_new
from elsewhere.core.events import Parameters
from elsewhere.core.records import Parameter

#: called with values that were written into a dict, and with the keys that lead to it
OnWrite = Callable[[Mapping[Any, Any], tuple[Any, ...]], None]


def connect_dict(
    mutable: MutableMapping[Any, Any],
    section: str,
    overrides: Mapping[str, Parameter] | None,
    record: Record,
) -> ConnectedDict:
    """Overrides and records `mutable`, in place; returns it as a dict whose writes are recorded.

    `overrides` is None on a local run, which records all keys. Else keys with an override take its
    value, cast to the type that the program has there, the others are recorded, and no key is
    added. Raises UsageError, with nothing changed, for an override of another type.
    """
    apply_overrides(mutable, section, overrides)

    def on_write(values: Mapping[Any, Any], path: tuple[Any, ...]) -> None:
        if new := parameters(values, "/".join(map(str, (section, *path)))):
            record(Parameters(values=new))

    connected = ConnectedDict(mutable, on_write)
    record_new(connected, section, overrides, record)
    return connected


class ConnectedDict(dict[Any, Any]):
    """A dict whose writes are recorded, nested ones too. It is copied and pickled as a plain dict.

    Removed keys stay in the record, which is of what the run was given: a program that takes its
    values out (`lr = config.pop("lr")`) is overridden by them the next time.
    """

    __slots__ = ("_on_write", "_path")

    def __init__(
        self, content: Mapping[Any, Any], on_write: OnWrite, path: tuple[Any, ...] = ()
    ) -> None:
        super().__init__()
        self._on_write: Final = on_write
        self._path: Final = path
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
        """Returns a plain dict, with plain dicts in it."""
        return {
            key: value.copy() if isinstance(value, ConnectedDict) else value
            for key, value in self.items()
        }

    def __reduce_ex__(self, _protocol: Any) -> Any:
        return dict, (self.copy(),)

    def _write(self, values: dict[Any, Any]) -> None:
        for key, value in values.items():
            super().__setitem__(key, self._adopt(key, value))
        if values:
            self._on_write({key: self[key] for key in values}, self._path)

    def _adopt(self, key: Any, value: Any) -> Any:
        # Subclasses of dict (defaultdict, ...) keep their behaviour.
        if type(value) in (dict, ConnectedDict):
            return ConnectedDict(value, self._on_write, (*self._path, key))
        return value
