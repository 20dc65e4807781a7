"""Frozen dataclasses that are cheap to define are, for whoever uses them, Python's own."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from elsewhere.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Ours:
    """A point."""

    x: int
    y: tuple[int, ...] = ()
    note: str = dataclasses.field(default="", compare=False)
    token: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Pythons:
    """A point."""

    x: int
    y: tuple[int, ...] = ()
    note: str = dataclasses.field(default="", compare=False)
    token: str = dataclasses.field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Derived(Ours):
    """A point with more, and its own text."""

    z: int = 3

    def __str__(self) -> str:
        return f"z{self.z}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loose:
    """Equal to any other."""

    a: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Loose)

    def __hash__(self) -> int:
        return 5


def test_text_equality_and_hash_are_those_of_python() -> None:
    given: tuple[Any, ...] = (1, (2, 3), "note", "secret")
    ours: Any = Ours(*given)
    pythons: Any = Pythons(*given)
    assert repr(ours) == repr(pythons).replace("Pythons", "Ours")
    assert hash(ours) == hash(pythons)
    assert ours == Ours(1, (2, 3), "another note", "secret")
    assert ours != Ours(1, (2, 3), "note", "another")
    assert ours != pythons
    assert ours != Derived(*given)
    assert hash(Ours(1)) == hash(Ours(1, note="n"))
    assert dataclasses.fields(Ours)[1].name == "y"
    assert Ours.__match_args__ == Pythons.__match_args__


def test_nothing_of_it_changes() -> None:
    for one in (Ours(1), Derived(1), Loose(a=1)):
        for name in ("x", "a", "z", "unknown"):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(one, name, 5)
            with pytest.raises(dataclasses.FrozenInstanceError):
                delattr(one, name)
    assert dataclasses.replace(Ours(1, note="n"), x=2) == Ours(2)


@pytest.mark.parametrize("one", [Ours(1, (2,), "n", "t"), Derived(1, z=9), Loose(a=4)])
def test_it_is_copied_and_pickled(one: Any) -> None:
    for same in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert same == one
        assert repr(same) == repr(one)


def test_what_a_class_defines_itself_stays() -> None:
    assert str(Derived(1)) == "z3"
    assert Loose(a=1) == Loose(a=2)
    assert hash(Loose(a=1)) == 5
    assert repr(Derived(1)) == "Derived(x=1, y=(), note='', z=3)"


def test_what_is_not_frozen_is_refused() -> None:
    with pytest.raises(TypeError, match="frozen"):
        dataclass(frozen=False, slots=True)
