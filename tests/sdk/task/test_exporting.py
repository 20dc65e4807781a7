"""A task as plain data: whole, made again, merged into another; and what is not a task."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core.choices import OnLost, Reason, TaskType
from elsewhere.core.errors import NotFoundError, TransitionError, UsageError
from elsewhere.core.records import (
    Call,
    Configuration,
    Environment,
    Outcome,
    Parameter,
    Retries,
    Source,
    Submodule,
)
from elsewhere.store.redis.store import RedisStore
from tests.stores import begin, make_record

FIELDS: dict[str, Any] = {
    "type": TaskType.QC,
    "tags": ("a", "b"),
    "comment": "why",
    "parent": "p",
    "source": Source(
        repository="https://example.org/a",
        commit="abc",
        patch="d" * 64,
        submodules=(Submodule(path="x", repository="r", commit="c"),),
        argv=("--a",),
        binary="/bin/sh",
    ),
    "environment": Environment(python="3.11", packages=("numpy",), variables={"A": "b"}),
    "call": Call(function="f"),
    "seed": None,
    "parameters": {"Args/t": Parameter(value=[1, 2], type="tuple", description="what")},
    "configurations": {"net": Configuration(text="a: 1\n", type="yaml")},
    "properties": {"who": Parameter(value="ada", type="str")},
    "labels": {"cat": 1},
    "output_uri": "s3://bucket",
    "on_lost": OnLost.ENQUEUE,
    "retries": Retries(count=2, reasons=(Reason.KILLED,), backoff_s=5.0),
    "time_limit_s": 5.0,
}


def made(store: RedisStore, **fields: Any) -> Task:
    record = make_record(**fields)
    store.create(record)
    return Task(record.id, store)


def test_what_is_exported_makes_the_same_task_again(store: RedisStore) -> None:
    first = made(store, **FIELDS)
    data = json.loads(json.dumps(first.export_task()))
    second = Task.import_task(data)
    assert second is not None
    assert second.id != first.id
    before, after = store.read(first.id), store.read(second.id)
    assert replace(after, id=before.id, created_at=before.created_at) == before
    assert {name: getattr(after, name) for name in FIELDS} == FIELDS
    assert second.get_status() == "created"


def test_reports_are_not_exported(store: RedisStore) -> None:
    task_id = begin(store, continues_at=100)
    store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED))
    again = Task.import_task(Task(task_id, store).export_task())
    assert again is not None
    assert store.read(again.id).continues_at is None
    assert store.state(again.id).attempt == 0


def test_a_target_becomes_the_same_or_takes_what_there_is(store: RedisStore) -> None:
    data = made(store, **FIELDS).export_task()
    fields: dict[str, Any] = {
        "tags": ("b", "c"),
        "parameters": {"Args/t": Parameter(value=5), "General/own": Parameter(value=1)},
        "configurations": {"own": Configuration(text="x")},
        "properties": {"own": Parameter(value=2)},
    }
    same, over = made(store, **fields), made(store, **fields)
    target = Task.import_task(data, same)
    assert target is same
    record = store.read(same.id)
    assert {name: getattr(record, name) for name in FIELDS} == FIELDS
    Task.import_task(data, over.id, update=True)
    record = store.read(over.id)
    assert record.parameters == {**fields["parameters"], **FIELDS["parameters"]}
    assert record.configurations == {**fields["configurations"], **FIELDS["configurations"]}
    assert record.properties == {**fields["properties"], **FIELDS["properties"]}
    assert record.tags == ("a", "b"), "a list is one value"
    found = Task.get_tasks(project_name="examples", task_filter={"type": ["qc"]})
    assert {task.id for task in found} >= {same.id, over.id}, "the index knows"


def test_an_update_changes_what_it_names(store: RedisStore) -> None:
    task = made(store, **FIELDS)
    assert task.update_task(
        {"name": "other", "environment": {"image": "i"}, "parameters": {"Args/t": {"value": [3]}}}
    )
    record = store.read(task.id)
    assert (record.name, record.comment) == ("other", "why")
    assert record.environment == replace(FIELDS["environment"], image="i")
    assert record.parameters["Args/t"] == replace(FIELDS["parameters"]["Args/t"], value=[3])
    assert Task.get_task(project_name="examples", task_name="other") is not None


def test_of_a_task_that_has_run_only_labels_change(store: RedisStore) -> None:
    task_id = begin(store)
    store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED))
    task = Task(task_id, store)
    task.update_task({"comment": "good", "tags": ["best"], "properties": {"a": {"value": 1}}})
    record = store.read(task_id)
    assert (record.comment, record.tags) == ("good", ("best",))
    for change in ({"seed": 5}, {"parameters": {"General/a": {"value": 1}}}):
        with pytest.raises(TransitionError):
            task.update_task(change)
    assert store.read(task_id) == record


CIRCLE: dict[str, Any] = {"name": "train", "project": "examples"}
CIRCLE["parameters"] = CIRCLE
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "ab"}, "has 2 characters"),
        ({"name": None}, "expected str, found None"),
        ({"project": 5}, "expected str, found 5"),
        ({"type": "trainin"}, "'trainin' is not a valid TaskType"),
        ({"parameters": {"General/a": 5}}, "expected an object, found 5"),
        ({"parameters": {"General/a": {}}}, "'value'"),
        ({"parameters": {"/": {"value": 5}}}, "does not name a parameter"),
        ({"parameters": []}, "expected an object, found"),
        ({"tags": "a b"}, "expected a list, found 'a b'"),
        ({"tags": ["\n"]}, "Tags are a text"),
        ({"seed": "x"}, "expected int, found 'x'"),
        ({"nmae": "x"}, "A task has no field 'nmae'. Did you mean 'name'"),
        ({"format": 2}, "the format 2"),
        ({"comment": object()}, "not JSON serializable"),
        ({"comment": CIRCLE}, "Circular"),
        ({"comment": DEEP}, "recursion"),
        ({"source": {"repository": "https://me:word@example.org"}}, "password"),
    ],
)
def test_what_is_no_task_is_refused_in_a_sentence(
    store: RedisStore, change: dict[str, Any], why: str
) -> None:
    task = made(store, **FIELDS)
    before, size = store.read(task.id), store.redis.dbsize()
    for wrong in (
        lambda: Task.import_task({**task.export_task(), **change}),
        lambda: Task.import_task({**task.export_task(), **change}, task),
        lambda: task.update_task(change),
    ):
        with pytest.raises(UsageError, match=why):
            wrong()
    assert (store.read(task.id), store.redis.dbsize()) == (before, size)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "the dict of export_task, not None"),
        ([], "the dict of export_task"),
        ({}, "has no name and no project"),
    ],
)
def test_what_is_no_dict_of_a_task_is_refused(store: RedisStore, data: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Task.import_task(data)


def test_half_a_character_is_one_that_nobody_knows(store: RedisStore) -> None:
    task = made(store)
    task.update_task({"comment": "a\ud800b"})
    assert store.read(task.id).comment == "a?b"


def test_an_unknown_target_is_refused(store: RedisStore) -> None:
    with pytest.raises(NotFoundError):
        Task.import_task(made(store).export_task(), "no")
