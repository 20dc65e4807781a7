"""TaskParameters: what is declared holds wherever a value comes from."""

from __future__ import annotations

import copy
import pickle
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from elsewhere import TaskParameters, param, percent_param
from elsewhere.connect import connect
from elsewhere.core.errors import UsageError
from elsewhere.core.records import Parameter
from tests.sdk.targets import RecordingTarget


class Mode(Enum):
    FAST = 1
    SLOW = 2


def is_even(value: int) -> bool:
    return value % 2 == 0


def no_spaces(value: str) -> None:
    if " " in value:
        raise ValueError("it has spaces")


class Base(TaskParameters):
    steps = param(default=10, type=int, range=(0, None), desc="How many.")


class Config(Base):
    rate = param(default=0.1, type=float, range=(0, 1), desc="How fast.")
    dropout = percent_param(default=50)
    batch = param(is_even, default=4)
    name = param(no_spaces, type=str)
    mode = param(default=Mode.FAST, type=Mode)
    place = param(default=None, type=Path)
    sizes = param(default=[1, 2], type=list)
    api_key = param(default="hunter2")


DEFAULTS = {
    "steps": 10,
    "rate": 0.1,
    "dropout": 50.0,
    "batch": 4,
    "name": "net",
    "mode": Mode.FAST,
    "place": None,
    "sizes": [1, 2],
    "api_key": "hunter2",
}


def test_values_are_the_defaults_or_what_is_given_by_name_or_in_order() -> None:
    assert Config(name="net").to_dict() == DEFAULTS
    assert Config(5, "0.5", name="net", mode="SLOW").to_dict() == {
        **DEFAULTS,
        "steps": 5,
        "rate": 0.5,
        "mode": Mode.SLOW,
    }
    assert type(Config(name="net", rate=1).rate) is float
    assert repr(Base()) == "Base(steps=10)"


def test_a_default_is_copied_for_each_instance() -> None:
    one, other = Config(name="one"), Config(name="other")
    one.sizes.append(3)
    assert other.sizes == Config(name="x").sizes == [1, 2]


WRONG_KIND: Any = 5
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"rat": 1}, r"Config has no parameter 'rat'. Did you mean 'rate'\? Known: "),
    ({"rate": 2}, r"Parameter 'rate' cannot be 2.0: it must be at least 0 and at most 1\."),
    ({"rate": float("nan")}, "Parameter 'rate' cannot be nan"),
    ({"rate": "fast"}, r"Parameter 'rate' cannot be 'fast': it takes a number\."),
    ({"rate": None}, "Parameter 'rate' cannot be None: it takes float"),
    ({"rate": {1}}, "A set cannot be a parameter"),
    ({"dropout": 101}, "Parameter 'dropout' cannot be 101.0"),
    ({"steps": -1}, "Parameter 'steps' cannot be -1: it must be at least 0"),
    ({"steps": True}, "Parameter 'steps' cannot be True: it takes a whole number"),
    ({"batch": 3}, "Parameter 'batch' cannot be 3: its validator refuses it"),
    ({"batch": "x"}, "Parameter 'batch' cannot be 'x': not all arguments converted"),
    ({"name": "a b"}, "Parameter 'name' cannot be 'a b': it has spaces"),
    ({"mode": "FAS"}, "Did you mean 'FAST'"),
]


@pytest.mark.parametrize(("values", "error"), WRONG)
def test_what_does_not_fit_is_refused_wherever_it_is_set(
    values: dict[str, Any], error: str
) -> None:
    with pytest.raises(UsageError, match=error):
        Config(**{"name": "net", **values})
    config = Config(name="net")
    with pytest.raises(UsageError, match=error):
        config.update_from_dict({"sizes": [5], **values})
    assert config.to_dict() == DEFAULTS, "all or nothing"
    ((name, value),) = values.items()
    if hasattr(config, name):
        with pytest.raises(UsageError, match=error):
            setattr(config, name, value)
    assert config.to_dict() == DEFAULTS


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (Config, "Config has no default for 'name': give it."),
        (lambda: Base(1, 2), "Base takes 1 values, not 2."),
        (lambda: Base(1, steps=2), "Base was given 'steps' twice."),
        (lambda: Base().update_from_dict(WRONG_KIND), "update_from_dict takes a dict"),
        (lambda: param(type=complex), "cannot have the type <class 'complex'>. Known: bool"),
        (lambda: param(type=WRONG_KIND), "cannot have the type 5"),
        (lambda: param(type=list[int]), r"cannot have the type list\[int\]"),
        (lambda: param(range=WRONG_KIND), "its least and its greatest value, not 5"),
        (lambda: param(WRONG_KIND), "validator is a function, not 5"),
        (lambda: connect(Base, RecordingTarget()), r"connect Base\(\.\.\.\)\."),
    ],
)
def test_a_wrong_use_is_answered_with_a_sentence(made: Any, error: str) -> None:
    with pytest.raises(UsageError, match=error):
        made()


def test_it_is_recorded_with_descriptions_and_later_writes_too() -> None:
    target, config = RecordingTarget(), Config(name="net")
    assert connect(config, target, "net") is config
    found = target.parameters()
    assert found.pop("net/steps") == Parameter(
        value=10, type="int", description="How many. At least 0."
    )
    assert found["net/rate"].description == "How fast. At least 0 and at most 1."
    assert found["net/dropout"].description == "At least 0 and at most 100."
    assert {name: item.value for name, item in found.items()} == {
        "net/rate": 0.1,
        "net/dropout": 50.0,
        "net/batch": 4,
        "net/name": "net",
        "net/mode": "FAST",
        "net/place": None,
        "net/sizes": [1, 2],
        "net/api_key": "***",
    }
    config.rate = 0.2
    config.update_from_dict({"steps": "7", "place": "x"})
    assert target.values() == {"net/rate": 0.2, "net/steps": 7, "net/place": "x"}


def test_a_remote_run_takes_what_is_declared() -> None:
    overrides = {
        "General/rate": "0.5",
        "General/steps": 7.0,
        "General/batch": "8",
        "General/mode": "SLOW",
        "General/place": "a/b",
        "General/api_key": "***",
    }
    target, config = RecordingTarget(overrides), Config(name="net")
    connect(config, target)
    assert config.to_dict() == DEFAULTS | {
        "rate": 0.5,
        "steps": 7,
        "batch": 8,
        "mode": Mode.SLOW,
        "place": Path("a/b"),
    }
    assert target.values() == {
        "General/dropout": 50.0,
        "General/name": "net",
        "General/sizes": [1, 2],
    }


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("rate", "2", "'General/rate' cannot be 2.0: it must be at least 0 and at most 1"),
        ("rate", "", "'General/rate' cannot be None: it takes float"),
        ("steps", "0.5", "'General/steps' cannot be '0.5': it takes a whole number"),
        ("batch", 3, "'General/batch' cannot be 3: its validator refuses it"),
        ("mode", "FASTER", "'General/mode' cannot be 'FASTER': Did you mean 'FAST'"),
    ],
)
def test_an_override_that_is_not_what_is_declared_changes_nothing(
    name: str, value: object, error: str
) -> None:
    target, config = (
        RecordingTarget({"General/sizes": [9], f"General/{name}": value}),
        Config(name="net"),
    )
    with pytest.raises(UsageError, match=error):
        connect(config, target)
    assert (config.to_dict(), target.events) == (DEFAULTS, [])


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_a_copy_is_connected_to_nothing(copied: Any) -> None:
    target, config = RecordingTarget(), Config(name="net")
    connect(config, target)
    target.parameters()
    other = copied(config)
    other.rate = 0.3
    assert target.events == []
    assert (config.rate, other.rate, other.name) == (0.1, 0.3, "net")
