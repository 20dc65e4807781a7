"""Objects within connected values: recorded by their fields, and set to the task's values."""

from __future__ import annotations

import argparse
import sys
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import attrs
import numpy as np
import pydantic
import pytest
from omegaconf import OmegaConf

from elsewhere.connect import connect
from elsewhere.core.errors import UsageError
from tests.sdk.targets import RecordingTarget


class Color(Enum):
    RED = 1
    BLUE = 2


class Pair(NamedTuple):
    low: float
    high: float


@dataclass
class Optimizer:
    lr: float = 0.1
    betas: tuple[float, ...] = (0.9, 0.99)


@dataclass
class Config:
    optimizer: Optimizer = field(default_factory=Optimizer)
    stages: list[Optimizer] = field(default_factory=lambda: [Optimizer(), Optimizer(lr=0.2)])


@attrs.frozen
class Frozen:
    lr: float = 0.1


@attrs.define
class Attributes:
    inner: Frozen = attrs.field(factory=Frozen)


class FrozenModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True)

    lr: float = 0.1


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")

    inner: FrozenModel = FrozenModel()
    size: int = pydantic.Field(default=3, frozen=True)


class ConfigDict:
    """As that of ml_collections: it has keys, and is no mapping."""

    def __init__(self, **values: Any) -> None:
        self._fields = values

    def keys(self) -> list[str]:
        return list(self._fields)

    def __getitem__(self, key: str) -> Any:
        return self._fields[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._fields[key] = value


@pytest.fixture(autouse=True)
def _ml_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("ml_collections")
    module.ConfigDict = ConfigDict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ml_collections", module)


@pytest.mark.parametrize(
    ("made", "recorded", "override", "read", "wanted"),
    [
        (
            Config,
            {
                "optimizer/lr": 0.1,
                "optimizer/betas": [0.9, 0.99],
                "stages/0/lr": 0.1,
                "stages/0/betas": [0.9, 0.99],
                "stages/1/lr": 0.2,
                "stages/1/betas": [0.9, 0.99],
            },
            "stages/1/lr",
            lambda found: found.stages[1].lr,
            5.0,
        ),
        (Attributes, {"inner/lr": 0.1}, "inner/lr", lambda found: found.inner.lr, 5.0),
        (Frozen, {"lr": 0.1}, "lr", lambda found: found.lr, 5.0),
        (
            lambda: Model.model_validate({"more": 1}),
            {"inner/lr": 0.1, "size": 3, "more": 1},
            "inner/lr",
            lambda found: found.inner.lr,
            5.0,
        ),
        (Model, {"inner/lr": 0.1, "size": 3}, "size", lambda found: found.size, 5),
        (
            lambda: {"args": argparse.Namespace(lr=0.1), "n": SimpleNamespace(a=[1])},
            {"args/lr": 0.1, "n/a": [1]},
            "args/lr",
            lambda found: found["args"].lr,
            5.0,
        ),
        (
            lambda: ConfigDict(lr=0.1, inner=ConfigDict(k=1)),
            {"lr": 0.1, "inner/k": 1},
            "inner/k",
            lambda found: found["inner"]["k"],
            5,
        ),
        (
            lambda: {"c": ConfigDict(lr=0.1)},
            {"c/lr": 0.1},
            "c/lr",
            lambda found: found["c"]["lr"],
            5.0,
        ),
        (
            lambda: OmegaConf.create({"a": {"b": 1}, "l": [1, {"c": 2}], "same": "${a.b}"}),
            {"a/b": 1, "l": [1, {"c": 2}], "same": 1},
            "a/b",
            lambda found: found.a.b,
            5,
        ),
    ],
)
def test_nested_objects_are_recorded_and_come_back(
    made: Any,
    recorded: dict[str, object],
    override: str,
    read: Any,
    wanted: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    named = {f"General/{name}": value for name, value in recorded.items()}
    local, remote = RecordingTarget(), RecordingTarget(named | {f"General/{override}": "5"})
    connect(made(), local)
    assert local.values() == named
    found = connect(made(), remote)
    assert read(found) == wanted
    assert type(read(found)) is type(wanted)
    assert (remote.events, caplog.text) == ([], "")


def test_an_interpolation_follows_the_value_that_was_overridden() -> None:
    config = OmegaConf.create({"a": 1, "same": "${a}"})
    connect(config, RecordingTarget({"General/a": 5, "General/same": 1}))
    assert config.same == 5
    assert OmegaConf.to_container(config) == {"a": 5, "same": "${a}"}


def test_lists_of_omegaconf_come_back_as_such() -> None:
    config = OmegaConf.create({"l": [1, 2]})
    connect(config, RecordingTarget({"General/l": "[3]"}))
    assert (config.l, type(config.l).__name__) == ([3], "ListConfig")
    found = connect({"l": OmegaConf.create([1])}, RecordingTarget({"General/l": [1, 2]}))
    assert (found["l"], type(found["l"]).__name__) == ([1, 2], "ListConfig")


def test_what_omegaconf_does_not_give_is_named_and_can_be_given(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = OmegaConf.create({"a": "???", "b": 1})
    local = RecordingTarget()
    connect(config, local)
    assert local.values() == {"General/b": 1}
    assert "General/a is not recorded. It cannot be read: MissingMandatoryValue: " in caplog.text
    connect(config, RecordingTarget({"General/a": 5}))
    assert config.a == 5


def test_what_refuses_a_value_is_named() -> None:
    config = OmegaConf.create({"a": 1})
    OmegaConf.set_readonly(config, True)
    with pytest.raises(
        UsageError, match=r"key 'a' of a connected DictConfig .*'General/a': .*only"
    ):
        connect(config, RecordingTarget({"General/a": 5}))


def test_a_tuple_and_a_frozen_object_become_others_since_they_may_be_shared() -> None:
    frozen, pair = Frozen(), Pair(0.5, Optimizer())  # type: ignore[arg-type]
    given = {"t": (1, frozen), "f": frozen, "p": pair}
    overrides = {"General/t/0": 2, "General/t/1/lr": 5, "General/p/0": 3, "General/p/1/lr": 7}
    found = connect(given, RecordingTarget(overrides))
    assert given["t"] == (2, Frozen(lr=5.0))
    assert (found["f"], frozen.lr) == (frozen, 0.1)
    assert found["p"] == Pair(3.0, Optimizer(lr=7.0))  # type: ignore[arg-type]
    assert type(found["p"]) is Pair
    assert connect(frozen, RecordingTarget({"General/lr": 5})) is frozen
    assert frozen.lr == 5.0
    connect(Model(), RecordingTarget({"General/inner/lr": 5}))
    assert Model().inner.lr == 0.1


@pytest.mark.parametrize(
    ("like", "value", "wanted"),
    [
        ([(1, 2)], [[3, 4], [5, 6]], [(3, 4), (5, 6)]),
        ([Color.RED, "a"], ["BLUE", "b", "c"], [Color.BLUE, "b", "c"]),
        ((Path("a"),), ["b"], (Path("b"),)),
        (Pair(0, 1), "[0.5, 2]", Pair(0.5, 2)),
        ([{1: (1,)}], [{"1": [2], "n": 3}], [{1: (2,), "n": 3}]),
        ([np.float32(1)], [2.5], [np.float32(2.5)]),
        (deque([1], maxlen=2), [2, 3], deque([2, 3], maxlen=2)),
        ([1], ["a", [2]], ["a", [2]]),
    ],
)
def test_what_stands_in_a_list_keeps_its_type(like: Any, value: Any, wanted: Any) -> None:
    found = connect({"x": like}, RecordingTarget({"General/x": value}))["x"]
    assert found == wanted
    assert type(found) is type(wanted)
    assert list(map(type, found)) == list(map(type, wanted))


@pytest.mark.parametrize("value", [["PURPLE"], [1]])
def test_what_does_not_fit_in_a_list_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match=r"'General/x' cannot be \[.*it takes a list such as"):
        connect({"x": [Color.RED]}, RecordingTarget({"General/x": value}))


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ({1: "a", "1": "b"}, "1 and '1'"),
        ({"a": {"b": 1}, "a/b": 2}, "'a' -> 'b' and 'a/b'"),
        ({"a": [Optimizer()], "a/0": {"lr": 1}}, "'a' -> 0 -> 'lr' and 'a/0' -> 'lr'"),
        (SimpleNamespace(a={"b/c": 1, "b": {"c": 1}}), "'a' -> 'b/c' and 'a' -> 'b' -> 'c'"),
    ],
)
@pytest.mark.parametrize("overrides", [None, {}])
def test_two_values_of_one_name_are_refused(
    given: object, keys: str, overrides: dict[str, object] | None
) -> None:
    target = RecordingTarget(overrides)
    with pytest.raises(UsageError, match=f"^Two values would be .* at the keys {keys}. Rename"):
        connect(given, target)
    assert target.events == []


def endless() -> list[Any]:
    in_dict: dict[str, Any] = {}
    in_dict["a"] = {"b": in_dict}
    of_itself = SimpleNamespace()
    of_itself.me = of_itself
    in_list: list[Any] = [Optimizer()]
    in_list.append(in_list)
    return [in_dict, of_itself, {"a": in_list}, {"a": of_itself}]


@pytest.mark.parametrize("number", range(4))
def test_what_contains_itself_is_refused(number: int) -> None:
    target = RecordingTarget()
    with pytest.raises(UsageError, match=r"General/.* cannot be recorded: it contains itself, or"):
        connect(endless()[number], target)
    assert target.events == []


def test_a_list_that_has_no_end_or_is_too_deep_is_named(caplog: pytest.LogCaptureFixture) -> None:
    of_itself: list[Any] = []
    of_itself.append({1: of_itself})
    deep: Any = 1
    for _ in range(99):
        deep = [deep]
    target = RecordingTarget()
    connect({"deep": deep}, target)
    assert target.values() == {"General/deep": deep}
    connect({"deeper": (deep,), "twice": [{1: 1, "1": 2}], "n": 1}, target)
    assert target.values() == {"General/n": 1}
    assert "General/deeper is not recorded. A list that contains itself, or is" in caplog.text
    assert "General/twice is not recorded. A dict with two keys of the same text" in caplog.text


def test_an_object_without_public_attributes_is_named(caplog: pytest.LogCaptureFixture) -> None:
    class Hidden:
        def __init__(self) -> None:
            self._lr = 0.1

    connect(SimpleNamespace(), RecordingTarget())
    assert caplog.text == ""
    for given in (Hidden(), Path("a")):
        connect(given, RecordingTarget())
        assert f"Nothing of the connected {type(given).__name__} is recorded" in caplog.text


def test_what_cannot_be_recorded_for_the_same_reason_is_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connect(SimpleNamespace(a=object(), b=object(), c=len), RecordingTarget())
    texts = [record.getMessage() for record in caplog.records]
    assert [text.partition(" recorded.")[0] for text in texts] == [
        "General/a, General/b are not",
        "General/c is not",
    ]


def test_nested_objects_are_recorded_again_at_the_end() -> None:
    given = {"o": Optimizer(), "gone": SimpleNamespace(a=1, b=2)}
    target = RecordingTarget()
    connect(given, target)
    target.parameters()
    given["o"].lr = 5.0  # type: ignore[attr-defined]
    del given["gone"].b  # type: ignore[attr-defined]
    target.end()
    found = target.parameters()
    assert {name: (item.value, item.description) for name, item in found.items()} == {
        "General/o/lr": (5.0, ""),
        "General/gone/b": (2, "Removed by the program."),
    }
