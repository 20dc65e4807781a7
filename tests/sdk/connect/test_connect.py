"""Connected dicts: recorded, overridden, and recorded again when they are written."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
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


@pytest.mark.parametrize("like", [0.5, 3, True, np.float32(0.5), np.bool_(True)])
@pytest.mark.parametrize(
    "empty",
    [Parameter(value=""), to_parameter("", type_name="float"), Parameter(value=None, type="int")],
)
def test_an_empty_text_for_a_number_is_refused(like: object, empty: Parameter) -> None:
    content = {"lr": like}
    with pytest.raises(UsageError, match="'General/lr' cannot be an empty text: the code has a"):
        connect_dict(content, "General", {"General/lr": empty}, Recorded())
    assert content == {"lr": like}
    assert connect_dict(content, "General", record_of({"General/lr": None}), Recorded()) == {
        "lr": None
    }


def test_an_empty_text_is_one_where_the_code_has_a_text_or_nothing() -> None:
    overrides = record_of({"General/a": "", "General/b": ""})
    found = connect_dict({"a": "x", "b": None}, "General", overrides, Recorded())
    assert found == {"a": "", "b": None}


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


@pytest.mark.parametrize(
    ("remove", "gone"),
    [
        (lambda d: d.pop("lr"), {"General/lr": 0.1}),
        (lambda d: d.__delitem__("lr"), {"General/lr": 0.1}),
        (lambda d: d["opt"].pop("k"), {"General/opt/k": 0}),
        (lambda d: d.popitem(), {"General/opt/k": 0, "General/opt/n": 1}),
        (lambda d: d.clear(), {"General/lr": 0.1, "General/opt/k": 0, "General/opt/n": 1}),
        (lambda d: d.pop("no", None), {}),
    ],
)
def test_what_the_program_takes_out_stays_recorded_as_removed(
    remove: Callable[[Any], object], gone: dict[str, object]
) -> None:
    result, recorded = connected({"lr": 0.1, "opt": {"k": 0, "n": 1}})
    remove(result)
    found = [event.values for event in recorded.events if isinstance(event, Parameters)]
    assert {name: item.value for values in found for name, item in values.items()} == gone
    assert {item.description for values in found for item in values.values()} <= {
        "Removed by the program."
    }


def test_a_nested_dict_that_is_replaced_is_recorded_as_removed_in_one_event() -> None:
    result, recorded = connected({"opt": {"k": 0, "n": 1}})
    inner = result["opt"]
    result["opt"] = {"k": 2}
    (event,) = recorded.events
    assert isinstance(event, Parameters)
    texts = {name: (item.value, item.description) for name, item in event.values.items()}
    assert texts == {
        "General/opt/k": (2, ""),
        "General/opt/n": (1, "Removed by the program."),
    }
    recorded.take()
    inner["k"] = 3
    assert (result["opt"], recorded.events) == ({"k": 2}, [])


def test_a_removed_dict_records_again_where_it_is_put() -> None:
    result, recorded = connected({"opt": {"k": 0, "in": {}}})
    inner = result.pop("opt")
    recorded.take()
    inner["n"] = 1
    inner["in"] = {}
    assert recorded.events == []
    result["other"] = inner
    assert recorded.take() == {"General/other/k": 0, "General/other/n": 1, "General/other/in": {}}
    assert result["other"] is inner
    inner["in"]["m"] = 2
    assert recorded.take() == {"General/other/in/m": 2}
    result["again"] = inner
    assert recorded.take()["General/again/k"] == 0
    del result["again"]
    recorded.take()
    inner["k"] = 5
    assert recorded.take() == {"General/other/k": 5}


def test_a_write_that_cannot_be_a_parameter_of_its_own_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result, recorded = connected({"opt": {"k": 0}, 1: "a"})
    result["opt/k"] = 5
    result["1"] = "b"
    assert (result["opt/k"], result["1"], recorded.events) == (5, "b", [])
    assert "General/opt/k is not recorded by its new value: another key has" in caplog.text
    del result[1]
    recorded.take()
    result["1"] = "c"
    assert recorded.take() == {"General/1": "c"}
    endless: dict[str, Any] = {}
    endless["me"] = endless
    result["endless"] = endless
    result["all"] = result
    assert (result["endless"], recorded.events) == (endless, [])
    assert "General/endless/me/me cannot be recorded: it contains itself" in caplog.text


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
