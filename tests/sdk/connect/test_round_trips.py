"""A tree of connected values comes back equal on an agent's run, or is refused with a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from elsewhere.connect import connect
from elsewhere.core.errors import UsageError
from elsewhere.core.events import Parameters, decode_event, encode_event
from elsewhere.core.records import Parameter
from elsewhere.core.secrets import is_hidden
from tests.properties import PROPERTY
from tests.sdk.targets import RecordingTarget


class Color(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Box:
    first: Any
    second: Any = 0


@dataclass(frozen=True)
class Frozen:
    only: Any


_NUMPY = (np.bool_, np.int8, np.uint16, np.int64, np.float16, np.float32, np.float64)


def _scalars_of_numpy(kind: Any) -> some.SearchStrategy[Any]:
    if kind is np.bool_:
        return some.booleans().map(kind)
    if issubclass(kind, np.floating):
        return some.floats(width=np.dtype(kind).itemsize * 8).map(kind)
    limits = np.iinfo(kind)
    return some.integers(int(limits.min), int(limits.max)).map(kind)


SCALARS = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.text(max_size=3).filter(lambda text: not is_hidden(text))
    | some.sampled_from(Color)
    | some.sampled_from([Path("a"), Path("b/c")])
    | some.one_of([_scalars_of_numpy(kind) for kind in _NUMPY])
)
# Few letters, with the slash and digits, so that names collide now and then.
KEYS = some.text("ab/1", min_size=1, max_size=3) | some.integers(0, 11)


def _nested(inner: some.SearchStrategy[Any]) -> some.SearchStrategy[Any]:
    lists = some.lists(inner, max_size=3)
    dicts = some.dictionaries(KEYS, inner, max_size=3)
    spaces = some.dictionaries(some.sampled_from("abc"), inner, max_size=2)
    return (
        lists
        | lists.map(tuple)
        | dicts
        | some.builds(Box, inner, inner)
        | some.builds(Frozen, inner)
        | spaces.map(lambda values: SimpleNamespace(**values))
    )


TREES = some.recursive(SCALARS, _nested, max_leaves=12)
ROOTS = some.dictionaries(KEYS, TREES, max_size=4) | some.builds(Box, TREES, TREES)


@PROPERTY
@given(tree=ROOTS)
@example(tree={1: "a", "1": "b"})
@example(tree={"a": {"b": 1}, "a/b": 2})
@example(tree={"a": [{1: "a", "1": "b"}]})
@example(tree={"a": [(1, math.nan), {2: Color.RED}], "b": np.float32(0.1)})
def test_a_tree_comes_back_equal_or_is_refused(tree: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    was, local = _copied(tree, lambda value: value), RecordingTarget()
    try:
        connect(tree, local)
    except UsageError as error:
        assert "Two values would be the one parameter" in str(error)  # noqa: PT017
        return
    assert _is_same(tree, was)
    if caplog.text:
        assert "not recorded. A dict with two keys of the same text" in caplog.text
        return
    recorded: dict[str, Parameter] = {}
    for event in local.events:
        read = decode_event(encode_event(event))
        assert isinstance(read, Parameters)
        recorded |= read.values
    remote = RecordingTarget({})
    remote._overrides = recorded
    blank = _copied(tree, _other)
    connected = connect(blank, remote)
    assert _is_same(connected, was)
    assert _is_same(blank, was)


def _other(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, Enum):
        return Color.BLUE
    if isinstance(value, str):
        return "other"
    return type(value)() if value is not None else None


def _copied(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The tree in the same shape, with other scalars."""
    if isinstance(tree, dict):
        return {key: _copied(value, change) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_copied(item, change) for item in tree)
    if isinstance(tree, SimpleNamespace):
        return SimpleNamespace(**_copied(vars(tree), change))
    if isinstance(tree, (Box, Frozen)):
        names = (item.name for item in fields(tree))
        return replace(tree, **{name: _copied(getattr(tree, name), change) for name in names})
    return change(tree)


def _is_same(first: Any, second: Any) -> bool:
    if isinstance(first, dict):
        return (
            isinstance(second, dict)
            and list(first) == list(second)
            and all(_is_same(value, second[key]) for key, value in first.items())
        )
    if type(first) is not type(second):
        return False
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(_is_same, first, second))
    if isinstance(first, (SimpleNamespace, Box, Frozen)):
        return _is_same(vars(first), vars(second))
    return bool(first == second or (first != first and second != second))
