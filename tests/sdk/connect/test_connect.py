"""Connected dicts: recorded, overridden, and recorded again when they are written."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from elsewhere.connect import ConnectedDict, connect_dict
from elsewhere.core.errors import UsageError
from elsewhere.core.events import Event, Parameters
from elsewhere.core.params import to_parameter
from elsewhere.core.records import Parameter


class Recorded:
    """What a task would have recorded."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def take(self) -> dict[str, object]:
        """Names to values of the one event since the last time; nothing recorded: empty."""
        events, self.events = self.events, []
        assert len(events) <= 1
        for event in events:
            assert isinstance(event, Parameters)
            assert not event.is_whole
            return {name: parameter.value for name, parameter in event.values.items()}
        return {}


def record_of(values: Mapping[str, object]) -> dict[str, Parameter]:
    return {name: to_parameter(value) for name, value in values.items()}


def connected(content: dict[Any, Any]) -> tuple[ConnectedDict, Recorded]:
    recorded = Recorded()
    result = connect_dict(content, "General", None, recorded)
    recorded.take()
    return result, recorded


def test_a_local_run_records_every_leaf() -> None:
    recorded = Recorded()
    content = {"lr": 0.1, "opt": {"name": "sgd", "extra": {}}, "layers": [{"n": 1}], 3: None}
    result = connect_dict(content, "net", None, recorded)
    assert result == content
    assert recorded.take() == {
        "net/lr": 0.1,
        "net/opt/name": "sgd",
        "net/opt/extra": {},
        "net/layers": [{"n": 1}],
        "net/3": None,
    }


def test_an_empty_dict_records_nothing() -> None:
    recorded = Recorded()
    assert connect_dict({}, "General", None, recorded) == {}
    assert recorded.events == []


def test_a_remote_run_overrides_the_result_and_the_original() -> None:
    recorded = Recorded()
    optimizer = {"name": "sgd", "momentum": 0.9}
    content = {"lr": 0.1, "epochs": 3, "opt": optimizer, "new": 1, 3: "x"}
    overrides = record_of(
        {
            "General/lr": "1e-3",
            "General/epochs": 5.0,
            "General/opt/name": "adam",
            "General/opt/momentum": 0.9,
            "General/3": "y",
            "General/unknown": 7,
            "Args/new": 8,
        }
    )
    result = connect_dict(content, "General", overrides, recorded)
    wanted = {
        "lr": 0.001,
        "epochs": 5,
        "opt": {"name": "adam", "momentum": 0.9},
        "new": 1,
        3: "y",
    }
    assert result == wanted
    assert content == wanted
    assert content["opt"] is optimizer
    assert type(result["epochs"]) is int
    assert recorded.take() == {"General/new": 1}


def test_a_rejected_override_changes_nothing() -> None:
    recorded = Recorded()
    content = {"lr": 0.1, "epochs": 3}
    overrides = record_of({"General/lr": 0.5, "General/epochs": "0.5"})
    with pytest.raises(UsageError, match=r"'General/epochs' cannot be '0\.5'"):
        connect_dict(content, "General", overrides, recorded)
    assert content == {"lr": 0.1, "epochs": 3}
    assert recorded.events == []


@pytest.mark.parametrize(
    ("write", "content", "wanted"),
    [
        (lambda d: d.__setitem__("lr", 1), {"lr": 1}, {"General/lr": 1}),
        (lambda d: d.update(lr=1, b=2), {"lr": 1, "b": 2}, {"General/lr": 1, "General/b": 2}),
        (lambda d: d.update({"lr": 1}), {"lr": 1}, {"General/lr": 1}),
        (lambda d: d.update([("lr", 1)]), {"lr": 1}, {"General/lr": 1}),
        (lambda d: d.__ior__({"lr": 1}), {"lr": 1}, {"General/lr": 1}),
        (lambda d: d.setdefault("b", 2), {"b": 2}, {"General/b": 2}),
        (lambda d: d.setdefault("lr", 2), {}, {}),
        (lambda d: d["opt"].__setitem__("k", 1), {"opt": {"k": 1}}, {"General/opt/k": 1}),
        (lambda d: d["opt"].update(k=1), {"opt": {"k": 1}}, {"General/opt/k": 1}),
        (lambda d: d.update(opt={"k": {}}), {"opt": {"k": {}}}, {"General/opt/k": {}}),
    ],
)
def test_a_write_is_recorded(
    write: Callable[[Any], object], content: dict[str, object], wanted: dict[str, object]
) -> None:
    result, recorded = connected({"lr": 0.1, "opt": {"k": 0}})
    write(result)
    assert result == {"lr": 0.1, "opt": {"k": 0}} | content
    assert recorded.take() == wanted


def test_a_dict_that_came_later_records_its_writes_too() -> None:
    result, recorded = connected({})
    result["opt"] = {"inner": {}}
    assert recorded.take() == {"General/opt/inner": {}}
    result["opt"]["inner"]["k"] = 1
    assert recorded.take() == {"General/opt/inner/k": 1}


def test_what_the_program_takes_out_stays_recorded() -> None:
    result, recorded = connected({"lr": 0.1, "epochs": 3, "opt": {"k": 0}})
    assert result.pop("lr") == 0.1
    del result["epochs"]
    result.clear()
    assert result == {}
    assert recorded.events == []


@pytest.mark.parametrize(
    "copied",
    [
        lambda d: pickle.loads(pickle.dumps(d)),
        copy.copy,
        copy.deepcopy,
        lambda d: d.copy(),
        lambda d: json.loads(json.dumps(d)),
    ],
)
def test_a_copy_is_a_plain_dict(copied: Callable[[Any], Any]) -> None:
    result, recorded = connected({"lr": 0.1, "opt": {"k": [1]}})
    plain = copied(result)
    assert plain == result
    assert type(plain) is dict
    assert type(plain["opt"]) is dict
    plain["opt"]["k"] = 2
    assert recorded.events == []


def test_a_secret_is_neither_recorded_nor_overridden() -> None:
    recorded = Recorded()
    content = {"api_key": "hunter2", "max_token": 3}
    assert connect_dict(content, "General", None, recorded) == content
    assert recorded.take() == {"General/api_key": "***", "General/max_token": 3}
    again = connect_dict(content, "General", record_of({"General/api_key": "***"}), recorded)
    assert again["api_key"] == "hunter2"


def test_what_cannot_be_recorded_is_left_out_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = object()
    with caplog.at_level(logging.WARNING):
        result, recorded = connected({"lr": 0.1})
        result["device"] = device
    assert result["device"] is device
    assert recorded.events == []
    assert "General/device is not recorded. A object cannot be a parameter." in caplog.text


def test_a_subclass_of_dict_stays_what_it_is() -> None:
    counts: defaultdict[str, int] = defaultdict(int, a=1)
    recorded = Recorded()
    result = connect_dict({"counts": counts}, "General", None, recorded)
    assert result["counts"] is counts
    assert recorded.take() == {"General/counts/a": 1}


def test_a_dict_can_be_connected_twice() -> None:
    result, recorded = connected({"lr": 0.1, "opt": {"k": 0}})
    again = connect_dict(result, "Other", None, recorded)
    assert recorded.take() == {"Other/lr": 0.1, "Other/opt/k": 0}
    again["opt"]["k"] = 1
    assert recorded.take() == {"Other/opt/k": 1}
    assert result["opt"]["k"] == 0
