"""Connected objects, classes and other dicts: overridden in place, recorded now and at the end."""

from __future__ import annotations

import argparse
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from elsewhere.connect import ConnectedDict, checked_section, connect
from elsewhere.core.errors import UsageError
from tests.sdk.targets import RecordingTarget


class Color(Enum):
    RED = 1
    BLUE = 2


class Person:
    kind = "human"

    def __init__(self, name: str, age: int) -> None:
        self.name = name
        self.age = age
        self.tags = ["a"]
        self.color = Color.RED
        self.home = Path("home")
        self.limits = {"low": 1, "deep": {"high": 2.5}}
        self.weights = np.zeros(3)
        self.api_key = "hunter2"
        self._hidden = 1

    def greet(self) -> str:
        return self.name


OF_ERIK = {
    "General/name": "Erik",
    "General/age": 5,
    "General/tags": ["a"],
    "General/color": "RED",
    "General/home": "home",
    "General/limits/low": 1,
    "General/limits/deep/high": 2.5,
    "General/api_key": "***",
}


def test_an_object_is_recorded_by_its_own_public_attributes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    target, erik = RecordingTarget(), Person("Erik", 5)
    with caplog.at_level(logging.WARNING):
        assert connect(erik, target) is erik
    assert target.values() == OF_ERIK
    assert "General/weights is not recorded. A ndarray cannot be a parameter." in caplog.text
    assert len(caplog.records) == 1


def test_an_object_gets_the_overrides_as_the_types_that_it_has() -> None:
    overrides = {
        "General/name": "Ada",
        "General/age": "36",
        "General/color": "BLUE",
        "General/home": "away",
        "General/limits/deep/high": "3",
        "General/api_key": "***",
        "General/_hidden": 2,
        "General/new": 2,
    }
    target, person = RecordingTarget(overrides), Person("Erik", 5)
    deep = person.limits["deep"]
    connect(person, target)
    assert (person.name, person.age, person.color) == ("Ada", 36, Color.BLUE)
    assert (person.home, person.api_key, person._hidden) == (Path("away"), "hunter2", 1)
    assert deep == {"high": 3.0}
    assert type(person) is Person
    assert not hasattr(person, "new")
    assert target.values() == {"General/tags": ["a"], "General/limits/low": 1}


def test_an_override_that_does_not_fit_changes_nothing_of_an_object() -> None:
    target, person = (
        RecordingTarget({"General/name": "Ada", "General/age": "old"}),
        Person("Erik", 5),
    )
    with pytest.raises(UsageError, match=r"'General/age' cannot be 'old'.*whole number"):
        connect(person, target)
    assert (person.name, target.events) == ("Erik", [])


@pytest.mark.parametrize("overrides", [None, {"General/age": 7}])
def test_what_an_object_is_at_the_end_is_recorded(overrides: dict[str, object] | None) -> None:
    target, person = RecordingTarget(overrides), Person("Erik", 5)
    connect(person, target)
    target.parameters()
    person.tags.append("b")
    person.age += 1
    person.height = 1.8  # type: ignore[attr-defined]
    target.end()
    age = 6 if overrides is None else 8
    assert target.values() == {
        "General/tags": ["a", "b"],
        "General/age": age,
        "General/height": 1.8,
    }


def test_an_object_that_did_not_change_is_not_recorded_again() -> None:
    target = RecordingTarget()
    connect(Person("Erik", 5), target)
    target.parameters()
    target.end()
    assert target.events == []


def test_an_object_that_cannot_be_read_at_the_end_does_not_end_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        @property
        def ndim(self) -> int:
            raise RuntimeError("broken")

    target, person = RecordingTarget(), Person("Erik", 5)
    connect(person, target)
    target.parameters()
    person.weights = Broken()  # type: ignore[assignment]
    person.age = 6
    with caplog.at_level(logging.DEBUG):
        target.end()
    assert target.values() == {"General/age": 6}
    assert "weights is not recorded. It cannot be read: RuntimeError: broken." in caplog.text
    vars(person)["me"] = Person("Ada", 36)
    person.limits["deep"] = person.limits


def test_a_class_is_recorded_and_overridden_with_all_that_it_inherits() -> None:
    class Base:
        rate = 0.1
        depth = 2

        def method(self) -> None: ...

        @property
        def computed(self) -> int:
            raise AssertionError

    class Config(Base):
        depth = 3
        name = "net"
        _private = 1

    target = RecordingTarget({"General/depth": "5", "General/rate": 0.5})
    assert connect(Config, target) is Config
    assert (Config.depth, Config.rate, Base.depth, Base.rate) == (5, 0.5, 2, 0.1)
    assert target.values() == {"General/name": "net"}
    Config.name = "other"
    target.end()
    assert target.values() == {"General/name": "other"}
    local = RecordingTarget()
    connect(Base, local, "net")
    assert local.values() == {"net/rate": 0.1, "net/depth": 2}


@dataclass(frozen=True)
class Frozen:
    rate: float = 0.1
    sizes: tuple[int, ...] = (1, 2)
    more: dict[str, int] = field(default_factory=dict)


class Slotted:
    __slots__ = ("_own", "never", "rate")

    def __init__(self) -> None:
        self.rate = 0.1
        self._own = 1


@pytest.mark.parametrize(
    "made", [Frozen, Slotted, lambda: SimpleNamespace(rate=0.1), lambda: argparse.Namespace(rate=0)]
)
def test_objects_of_other_kinds_are_connected_as_well(made: Callable[[], Any]) -> None:
    local, remote = RecordingTarget(), RecordingTarget({"General/rate": 2})
    given = made()
    connect(given, local)
    assert local.values()["General/rate"] == given.rate
    connect(given, remote)
    assert given.rate == 2
    assert type(given.rate) is type(made().rate)


def test_an_attribute_that_cannot_be_set_is_an_error_only_when_it_must_be_set() -> None:
    class Fixed:
        def __init__(self) -> None:
            vars(self)["rate"] = 0.1

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError("no")

    connect(Fixed(), RecordingTarget({"General/rate": 0.1}))
    with pytest.raises(UsageError, match=r"'rate' of a connected Fixed cannot be set.*: no\."):
        connect(Fixed(), RecordingTarget({"General/rate": 0.2}))


def test_a_dict_of_another_kind_stays_itself() -> None:
    class Config(OrderedDict[str, Any]):
        pass

    target, config = RecordingTarget({"General/lr": "1"}), Config(lr=0.5, opt={"k": 1})
    assert connect(config, target) is config
    assert config == {"lr": 1.0, "opt": {"k": 1}}
    assert target.values() == {"General/opt/k": 1}
    config["opt"]["k"] = 2
    config["new"] = 3
    target.end()
    assert target.values() == {"General/opt/k": 2, "General/new": 3}


def test_writes_to_the_original_of_a_connected_dict_are_recorded_at_the_end() -> None:
    target, original = RecordingTarget(), {"lr": 0.5, "epochs": 3}
    connected = connect(original, target)
    assert type(connected) is ConnectedDict
    target.parameters()
    original["epochs"] = 4
    connected["lr"] = 1.0
    assert target.values() == {"General/lr": 1.0}
    target.end()
    assert target.values() == {"General/epochs": 4}


@pytest.mark.parametrize(
    "made", [lambda: {"lr": 0.5}, lambda: SimpleNamespace(lr=0.5), lambda: OrderedDict(lr=0.5)]
)
@pytest.mark.parametrize(
    ("flag", "is_ignoring", "is_own"),
    [(None, True, True), (None, False, False), (True, False, True), ("False", True, False)],
)
def test_overrides_can_be_ignored_and_the_tasks_flag_decides(
    made: Callable[[], Any], flag: object, is_ignoring: bool, is_own: bool
) -> None:
    name = "General/_ignore_remote_overrides_"
    overrides = {"General/lr": 0.25} | ({name: flag} if flag is not None else {})
    target = RecordingTarget(overrides)
    given = connect(made(), target, is_ignoring=is_ignoring)
    lr = given["lr"] if isinstance(given, dict) else given.lr
    assert lr == (0.5 if is_own else 0.25)
    values = target.values()
    assert values.get("General/lr") == (0.5 if is_own else None)
    assert values.get(name) == (True if flag is None and is_ignoring else None)


def test_the_flag_is_visible_on_the_task() -> None:
    target = RecordingTarget()
    connect({"lr": 0.5}, target, "net", is_ignoring=True)
    flag = target.parameters()["net/_ignore_remote_overrides_"]
    assert (flag.value, flag.type) == (True, "bool")
    assert flag.description


@pytest.mark.parametrize(
    "given", [[1], (1,), "text", 5, None, {1}, len, lambda: 1, "x".upper, int, object()]
)
def test_what_cannot_be_connected_is_refused_with_what_can(given: object) -> None:
    target = RecordingTarget()
    with pytest.raises(UsageError, match="connect takes a dict, an object with attributes, a c"):
        connect(given, target, is_ignoring=True)
    assert target.events == []


def test_an_array_in_a_dict_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    target = RecordingTarget()
    connect({"lr": 0.5, "weights": np.zeros(3)}, target)
    assert target.values() == {"General/lr": 0.5}
    assert "General/weights is not recorded. A ndarray cannot be a parameter." in caplog.text


@pytest.mark.parametrize("name", ["", "/", "/a", 5])
def test_a_section_has_a_name(name: object) -> None:
    assert checked_section(None, "connect") == "General"
    with pytest.raises(UsageError, match="connect takes a name, such as 'optimizer', not"):
        checked_section(name, "connect")
