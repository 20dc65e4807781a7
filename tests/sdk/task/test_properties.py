"""User properties: set in every form, at any status, and not read by the run."""

from __future__ import annotations

from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core.choices import Status
from elsewhere.core.errors import UsageError
from elsewhere.store.redis.store import RedisStore
from tests.stores import make_record


@pytest.fixture
def task(store: RedisStore) -> Task:
    record = make_record()
    store.create(record)
    return Task(record.id, store)


@pytest.mark.parametrize(
    ("positional", "named", "wanted"),
    [
        (
            [{"name": "backbone", "description": "network type", "value": "great"}],
            {},
            {"backbone": ("great", "str", "network type")},
        ),
        (
            [{"name": "a", "value": 1}, {"name": "b", "value": None, "type": "int"}],
            {},
            {"a": (1, "int", ""), "b": (None, "int", "")},
        ),
        (
            [[{"name": "a", "value": "5", "type": "int"}, {"b": 2.5}]],
            {},
            {"a": (5, "int", ""), "b": (2.5, "float", "")},
        ),
        ([{"a": "x", "b": [1, 2]}], {}, {"a": ("x", "str", ""), "b": ([1, 2], "list", "")}),
        (
            [{"a": {"value": "7", "type": "float", "description": "why"}}],
            {},
            {"a": (7.0, "float", "why")},
        ),
        ([{"a": {"value": 1, "other": 2}}], {}, {"a": ({"value": 1, "other": 2}, "dict", "")}),
        ([{"name": "x"}], {}, {"name": ("x", "str", "")}),
        (
            [{"name": "a", "value": 1}],
            {"a": 2, "b": {"value": True, "description": "why"}},
            {"a": (2, "int", ""), "b": (True, "bool", "why")},
        ),
        ([], {}, {}),
    ],
)
def test_properties_are_set_in_many_forms(
    task: Task, positional: list[Any], named: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert task.set_user_properties(*positional, **named) is True
    found = task.get_user_properties()
    assert {
        name: (item["value"], item["type"], item["description"]) for name, item in found.items()
    } == wanted
    assert all(
        (item["section"], item["name"]) == ("properties", name) for name, item in found.items()
    )
    assert task.get_user_properties(value_only=True) == {
        name: value for name, (value, _, _) in wanted.items()
    }
    assert task.get_parameters() == {}, "they do not influence a run"


def test_the_others_stay_and_so_does_a_description(task: Task) -> None:
    task.set_user_properties({"a": {"value": 1, "description": "why"}}, b=2)
    task.set_user_properties(a="now a text")
    found = task.get_user_properties()
    assert (found["a"]["value"], found["a"]["description"]) == ("now a text", "why")
    assert found["b"]["value"] == 2


def test_properties_are_deleted_by_name(task: Task, caplog: pytest.LogCaptureFixture) -> None:
    task.set_user_properties(a=1, b=2, c=3, d=4)
    assert task.delete_user_properties("a", {"name": "b", "section": "properties"})
    assert task.delete_user_properties([{"name": "c"}])
    assert not task.delete_user_properties("d", "dd")
    assert "has no user property 'dd'. Did you mean 'd'? Known: d." in caplog.text
    assert task.get_user_properties() == {}
    assert task.delete_user_properties()


@pytest.mark.parametrize("status", list(Status))
def test_properties_are_edited_whatever_the_status(
    task: Task, store: RedisStore, status: Status
) -> None:
    store.move(task.id, status, allowed=set(Status))
    task.set_user_properties(a=1, b=2)
    task.delete_user_properties("a")
    assert task.get_user_properties(value_only=True) == {"b": 2}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda t: t.set_user_properties("a"), "User properties are dicts such as"),
        (lambda t: t.set_user_properties({"name": "a", "type": "int"}), "'a' has no value"),
        (
            lambda t: t.set_user_properties({"name": 5, "value": 1}),
            "name of a user property must be a text, not 5",
        ),
        (lambda t: t.set_user_properties({"": 1}), "name of a user property cannot be empty"),
        (lambda t: t.set_user_properties(a={1}), "'a' is not set. A set cannot be a parameter"),
        (
            lambda t: t.set_user_properties(a={"value": "x", "type": "int"}),
            "'a' is not set. A parameter cannot be 'x': it takes a whole number",
        ),
        (
            lambda t: t.set_user_properties(a={"value": "x", "type": "integer"}),
            "cannot have the type 'integer'. Did you mean 'int'?",
        ),
        (
            lambda t: t.set_user_properties(a={"value": "x", "description": 5}),
            "The description of 'a' must be a text, not 5",
        ),
        (lambda t: t.delete_user_properties(5), "name of a user property must be a text, not 5"),
        (
            lambda t: t.delete_user_properties({"nam": "a"}),
            "name of a user property must be a text, not None",
        ),
    ],
)
def test_a_wrong_call_is_answered_with_a_sentence(task: Task, call: Any, error: str) -> None:
    with pytest.raises(UsageError) as refused:
        call(task)
    assert error in str(refused.value)
    assert task.get_user_properties() == {}
