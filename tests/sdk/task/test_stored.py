"""The catalogue: names that may be, copies that carry what they should, tasks found by name."""

from __future__ import annotations

import re
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core import names
from elsewhere.core.choices import Reason, Status, TaskType
from elsewhere.core.errors import NotFoundError, UsageError
from elsewhere.core.events import ArtifactAdded, Event, ModelUsed, Progress, Scalar, Tags
from elsewhere.core.records import (
    Artifact,
    Call,
    Configuration,
    Environment,
    ModelUse,
    Outcome,
    Parameter,
    Source,
)
from elsewhere.store.redis.store import RedisStore
from elsewhere.task import stored
from tests.stores import begin, find, make_record
from tests.watching import watching


def test_ids_are_32_hex_digits_and_differ() -> None:
    ids = {names.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)


@pytest.mark.parametrize(
    ("name", "is_good"),
    [
        ("abc", True),
        ("  abc  ", True),
        ("über", True),
        ("a/b c", True),
        ("x" * 200, True),
        ("", False),
        ("ab", False),
        ("  ab  ", False),
        ("x" * 201, False),
        ("a\nb", False),
        ("a\x1fb", False),
        ("abc\udcff", False),
        (None, False),
        (123, False),
    ],
)
def test_a_name_has_3_to_200_characters_that_can_be_printed(name: object, is_good: bool) -> None:
    if is_good:
        assert names.checked_name("task", name) == str(name).strip()
    else:
        with pytest.raises(UsageError, match="name"):
            names.checked_name("task", name)


@pytest.mark.parametrize(
    ("given", "type_"),
    [(None, TaskType.TRAINING), ("qc", TaskType.QC), (TaskType.CUSTOM, TaskType.CUSTOM)],
)
def test_a_type_is_taken_by_its_name(given: object, type_: TaskType) -> None:
    assert names.checked_type(given) is type_


@pytest.mark.parametrize("given", ["trainin", "", 5])
def test_an_unknown_type_is_answered_with_those_that_there_are(given: object) -> None:
    with pytest.raises(UsageError, match="Known: application, controller, custom"):
        names.checked_type(given)


def test_a_clone_has_what_runs_and_nothing_of_what_was_reported(store: RedisStore) -> None:
    fields: dict[str, Any] = {
        "comment": "why",
        "tags": ("x",),
        "source": Source(repository="r", argv=("--a",)),
        "environment": Environment(packages=("a==1",)),
        "seed": 3,
        "parameters": {"General/a": Parameter(value=1)},
        "call": Call(function="f"),
        "configurations": {"net": Configuration(text="a: 1\n", type="yaml")},
        "properties": {"who": Parameter(value="ada", type="str")},
        "labels": {"cat": 1},
        "output_uri": "s3://bucket",
    }
    source = begin(store, **fields, continues_at=7)
    store.edit(source, Tags(added=("archived",), are_system=True))
    reports: list[Event] = [
        Progress(percent=5.0, at=0.0),
        Scalar(title="a", series="b", value=1.0, iteration=1, at=0.0),
        ArtifactAdded(artifact=Artifact(name="m", type="file")),
    ]
    store.apply(source, 1, "f", 0, 1, reports)
    store.append_output(source, 1, 0, 2, b"x\n", "")
    store.finish(source, 1, Outcome(reason=Reason.COMPLETED))
    clone = stored.clone(store, source)
    record, state = store.read(clone), store.state(clone)
    assert (record.name, record.parent) == ("Clone Of train", source)
    assert {name: getattr(record, name) for name in fields} == fields
    assert (state.status, state.attempt, state.progress) == (Status.CREATED, 0, None)
    assert store.series(clone) == []
    assert store.artifacts(clone) == {}
    assert store.output_length(clone) == 0
    assert record.created_at > 0
    assert record.continues_at is None
    assert list(stored.search(store, allow_archived=False, project_name="examples")) == [clone]


def test_a_clone_takes_what_is_given_and_clones_of_a_clone_are_siblings(store: RedisStore) -> None:
    source = make_record()
    store.create(source)
    clone = stored.clone(store, source.id, name="other", comment="c", project="elsewhere", seed=9)
    record = store.read(clone)
    assert (record.name, record.comment, record.project) == ("other", "c", "elsewhere")
    assert record.seed == 9
    assert store.read(stored.clone(store, clone)).parent == source.id
    assert store.read(stored.clone(store, clone, parent=clone)).parent == clone


def test_nobody_sees_a_clone_without_the_models_that_it_begins_from(store: RedisStore) -> None:
    model, source = "a" * 32, make_record()
    store.create(source, ModelUsed(use=ModelUse(name="in", model=model, is_output=False, at=1.0)))

    def look() -> list[list[str]]:
        clones = [one for one in find(store) if one != source.id]
        return [[use.model for use in store.task_models(one)] for one in clones]

    for clone in (stored.clone, lambda _, task_id: Task.create(base_task_id=task_id)):
        with watching(look) as seen:
            clone(store, source.id)
        assert len(seen[-1]) == len(seen[0]) + 1
        assert all(models == [model] for one in seen for models in one)


def test_a_clone_with_a_name_that_cannot_be_makes_nothing(store: RedisStore) -> None:
    source = make_record()
    store.create(source)
    before = store.redis.dbsize()
    for wrong in ({"name": "ab"}, {"name": ""}, {"project": "ab"}, {"comment": 5}):
        with pytest.raises(UsageError):
            stored.clone(store, source.id, **wrong)
    with pytest.raises(NotFoundError):
        stored.clone(store, "no")
    with pytest.raises(NotFoundError):
        stored.clone(store, source.id, parent="no")
    assert store.redis.dbsize() == before


def test_a_clone_of_a_task_with_the_longest_name_has_a_name_that_may_be(store: RedisStore) -> None:
    source = make_record(name="x" * 200)
    store.create(source)
    assert store.read(stored.clone(store, source.id)).name.startswith("Clone Of xxx")


def test_tasks_are_found_by_name_the_last_changed_first(store: RedisStore) -> None:
    old, new = make_record(name="one"), make_record(name="one")
    other = make_record(name="one", project="others")
    for record in (old, new, other):
        store.create(record)
    assert stored.find_named(store, "examples", "one") == new.id
    store.edit(old.id, comment="touched")
    assert stored.find_named(store, "examples", "one") == old.id
    assert stored.find_named(store, "examples", "never") is None
    assert stored.find_named(store, "others", None) == other.id
    assert stored.find_named(store, None, "never") is None
    assert stored.find_named(store, None, None) == old.id
    assert stored.find_named(store, None, "one") == old.id, "of any project, the last changed"
    with pytest.raises(NotFoundError, match="Did you mean 'examples'"):
        stored.find_named(store, "exampels", "one")
