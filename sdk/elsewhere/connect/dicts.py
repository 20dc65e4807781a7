"""Connected dicts: their content is the task's parameters, overridden before the program reads it
and recorded when the program writes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from elsewhere.connect.api import Record
from elsewhere.connect.exact_types import pass_as_dict
from elsewhere.connect.nodes import leaves_of
from elsewhere.connect.sections import apply_overrides, changes, record_new
from elsewhere.core.errors import UsageError
from elsewhere.core.events import Parameters
from elsewhere.core.nesting import Leaf
from elsewhere.core.records import Parameter

logger = logging.getLogger(__name__)

#: called with values that were written into a dict, with those that stood there, and with the keys
#: that lead to it
OnWrite = Callable[[Mapping[Any, Any], Mapping[Any, Any], tuple[Any, ...]], None]


def connect_dict(
    mutable: MutableMapping[Any, Any],
    section: str,
    overrides: Mapping[str, Parameter] | None,
    record: Record,
) -> ConnectedDict:
    """Overrides and records `mutable`, in place; returns it as a dict whose writes are recorded.

    `overrides` is None on a local run, which records all keys. Else keys with an override take its
    value, cast to the type that the program has there, the others are recorded, and no key is
    added. Raises UsageError as `apply_overrides` does.
    """
    apply_overrides(mutable, section, overrides)
    connected = ConnectedDict.around(mutable, _Writes(mutable, section, record))
    record_new(connected, section, overrides, record)
    return connected


class ConnectedDict(dict[Any, Any]):
    """A dict whose writes are recorded, nested ones too. It is copied and pickled as a plain dict,
    and a call of its type, as libraries do to build one like it, makes a plain dict."""

    __slots__ = ("_on_write", "_path")

    _on_write: OnWrite | None
    _path: tuple[Any, ...]

    def __new__(cls, *content: Any, **values: Any) -> Any:
        return dict(*content, **values)

    @classmethod
    def around(
        cls,
        content: Mapping[Any, Any],
        on_write: OnWrite,
        path: tuple[Any, ...] = (),
        above: tuple[int, ...] = (),
    ) -> ConnectedDict:
        """Returns a dict of the `content` at the keys of `path`, which calls `on_write`. A dict
        whose id is `above` it stays plain, since it has no end."""
        pass_as_dict(cls)
        made = dict.__new__(cls)
        made._on_write, made._path = on_write, path
        for key, value in content.items():
            dict.__setitem__(made, key, made._adopt(key, value, (*above, id(content))))
        return made

    def __setitem__(self, key: Any, value: Any) -> None:
        self._write({key: value})

    def __delitem__(self, key: Any) -> None:
        self.pop(key)

    def __ior__(self, other: Any) -> ConnectedDict:  # type: ignore[misc]  # noqa: PYI034 - Self is 3.11
        self._write(dict(other))
        return self

    def update(self, *others: Any, **values: Any) -> None:
        self._write(dict(*others, **values))

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self._write({key: default})
        return self[key]

    def pop(self, key: Any, *default: Any) -> Any:
        is_there = key in self
        value = super().pop(key, *default)
        if is_there:
            self._lose({key: value})
        return value

    def popitem(self) -> tuple[Any, Any]:
        key, value = super().popitem()
        self._lose({key: value})
        return key, value

    def clear(self) -> None:
        before = dict(self)
        super().clear()
        self._lose(before)

    def copy(self) -> dict[Any, Any]:
        """Returns a plain dict, with plain dicts in it."""
        return {
            key: value.copy() if isinstance(value, ConnectedDict) else value
            for key, value in self.items()
        }

    def __reduce_ex__(self, _protocol: Any) -> Any:
        return dict, (self.copy(),)

    def _write(self, values: dict[Any, Any]) -> None:
        before = {key: self[key] for key in values if key in self}
        for key, value in values.items():
            super().__setitem__(key, self._adopt(key, value))
        self._lose(before, {key: self[key] for key in values})

    def _lose(self, before: dict[Any, Any], after: Mapping[Any, Any] | None = None) -> None:
        """Records that the values `after` stand where those `before` did."""
        after = after or {}
        for key, value in before.items():
            if isinstance(value, ConnectedDict) and value is not after.get(key):
                value._leave((*self._path, key))
        if self._on_write is not None and (before or after):
            self._on_write(after, before, self._path)

    def _adopt(self, key: Any, value: Any, above: tuple[int, ...] = ()) -> Any:
        """Returns a dict as one whose writes are recorded; any other value as it is."""
        # Subclasses of dict (defaultdict, ...) keep their behaviour.
        is_dict = type(value) in (dict, ConnectedDict) and id(value) not in above
        if self._on_write is None or not is_dict:
            return value
        if isinstance(value, ConnectedDict) and value._on_write in (None, self._on_write):
            return value._join(self._on_write, (*self._path, key))
        return ConnectedDict.around(value, self._on_write, (*self._path, key), above)

    def _join(self, on_write: OnWrite, path: tuple[Any, ...]) -> ConnectedDict:
        """Records the writes of a dict that stood in no other one; a second place changes nothing.
        It stays the same dict, since the program may have it by another name."""
        if self._on_write is None:
            self._on_write, self._path = on_write, path
            for key, value in self.items():
                super().__setitem__(key, self._adopt(key, value))
        return self

    def _leave(self, path: tuple[Any, ...]) -> None:
        """Ends the recording of a dict that stood at the keys of `path`, unless it has others."""
        if self._on_write is None or self._path != path:
            return
        self._on_write = None
        for key, value in self.items():
            if isinstance(value, ConnectedDict):
                value._leave((*path, key))


class _Writes:
    """Records the writes into a connected dict as parameters of its section."""

    def __init__(self, root: Mapping[Any, Any], section: str, record: Record) -> None:
        self._section = section
        self._record = record
        self._paths = {leaf.name: leaf.path for leaf in leaves_of(root, section)}

    def __call__(
        self, after: Mapping[Any, Any], before: Mapping[Any, Any], path: tuple[Any, ...]
    ) -> None:
        try:
            gone = [leaf for leaf in self._leaves(before, path) if self._is_of(leaf)]
            new = self._leaves(after, path)
        except UsageError as error:
            logger.warning("%s", error)
            return
        for leaf in gone:
            del self._paths[leaf.name]
        taken = [leaf for leaf in new if not self._is_of(leaf)]
        for leaf in taken:
            logger.warning(
                "%s is not recorded by its new value: another key has that name. Rename one of the"
                " two.",
                leaf.name,
            )
        if found := changes(gone, [leaf for leaf in new if leaf not in taken]):
            self._record(Parameters(values=found))

    def _leaves(self, values: Mapping[Any, Any], path: tuple[Any, ...]) -> list[Leaf]:
        found = leaves_of(values, "/".join(map(str, (self._section, *path))))
        return [replace(leaf, path=(*path, *leaf.path)) for leaf in found]

    def _is_of(self, leaf: Leaf) -> bool:
        """Whether the name of `leaf` is that of the value at its path, or of none yet."""
        return self._paths.setdefault(leaf.name, leaf.path) == leaf.path
