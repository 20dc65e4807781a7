"""What every store promises of models: kept beside tasks, found, and changed by their own task."""

from __future__ import annotations

from typing import Any

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import NotFoundError, RecordError
from elsewhere.core.events import (
    Event,
    ModelReported,
    ModelSaved,
    ModelsUnused,
    ModelUsed,
    Plot,
    Scalars,
)
from elsewhere.core.records import ModelUse, Outcome, Parameter
from elsewhere.core.scalars import POINT, Column
from elsewhere.store.api import TaskStore
from elsewhere.store.model_records import ModelFilter, reports_of
from elsewhere.store.tags import parse
from tests.contracts.insides import Inside
from tests.stores import begin, make_record, running

A, B, C = (letter * 32 for letter in "abc")
PLACE = "s3://bucket/m.bin"


def saved(model: str = A, /, **fields: Any) -> ModelSaved:
    return ModelSaved(model=model, fields=fields)


def used(name: str, model: str, *, is_output: bool = False, at: float = 1.0) -> ModelUsed:
    return ModelUsed(use=ModelUse(name=name, model=model, is_output=is_output, at=at))


def loaded(name: str, model: str, /, **found: Any) -> ModelUsed:
    return ModelUsed(use=ModelUse(name=name, model=model, is_output=False, at=1.0), found=found)


class Telling:
    """A running task that says one piece after the other."""

    def __init__(self, store: TaskStore) -> None:
        self.store, self.id, self.offset = store, begin(store), 0

    def say(self, *events: Event) -> None:
        start, self.offset = self.offset, self.offset + 1
        assert self.store.apply(self.id, 1, "f", start, self.offset, events) == self.offset

    def uses(self) -> list[tuple[str, str, bool]]:
        return [(use.name, use.model, use.is_output) for use in self.store.task_models(self.id)]


@pytest.fixture
def task(store: TaskStore) -> Telling:
    return Telling(store)


def found(store: TaskStore, **wanted: Any) -> list[str]:
    return [record.id for record in store.find_models(ModelFilter(**wanted))]


# a model's record


def test_a_model_keeps_what_it_was_given_and_what_changes_is_changed_alone(
    store: TaskStore,
) -> None:
    metadata = {"acc": {"value": 0.5, "type": "float"}, "a/b": {"value": [1, None]}}
    fields: dict[str, Any] = {
        "name": "net \N{SNOWMAN}",
        "project": "examples",
        "tags": ["x", "y"],
        "labels": {"cat": 1},
        "url": PLACE,
        "digest": "d",
        "metadata": metadata,
        "iteration": None,
        "is_package": True,
        "unknown": 1,
    }
    store.save_model(A, fields)
    before = store.model(A)
    store.save_model(A, {"comment": "better"})
    record = store.model(A)
    assert (record.name, record.project, record.tags) == ("net \N{SNOWMAN}", "examples", ("x", "y"))
    assert (record.labels, record.url, record.is_package) == ({"cat": 1}, PLACE, True)
    assert record.metadata["acc"] == Parameter(value=0.5, type="float")
    assert record.metadata["a/b"].value == [1, None]
    assert (record.comment, record.task, record.iteration) == ("better", "", None)
    assert before.created_at == before.updated_at == record.created_at < record.updated_at


def test_metadata_are_set_one_by_one_or_all_at_once(store: TaskStore) -> None:
    store.save_model(A, {"metadata": {"a": {"value": 1}, "b": {"value": 2}}})
    store.save_model(A, {"metadata/c": {"value": 3}, "metadata/a": None})
    assert {key: one.value for key, one in store.model(A).metadata.items()} == {"b": 2, "c": 3}
    store.save_model(A, {"metadata": {"d": {"value": 4}}})
    assert set(store.model(A).metadata) == {"d"}
    many = {f"metadata/{n}": {"value": n} for n in range(5000)}
    store.save_model(A, many)
    assert len(store.model(A).metadata) == 5001


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("A" * 32, {}),
        (f"{A}:tasks", {}),
        ("", {}),
        (A, {"name": 1}),
        (A, {"tags": "x"}),
        (A, {"labels": {"a": "b"}}),
        (A, {"metadata": ["x"]}),
        (A, {"metadata/x": 5}),
        (A, {"iteration": "5"}),
    ],
)
def test_what_is_no_model_is_refused_and_left_out_of_a_delivery(
    store: TaskStore, task: Telling, model: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(RecordError):
        store.save_model(model, fields)
    with pytest.raises(RecordError):
        store.edit(task.id, ModelSaved(model=model, fields=fields))
    task.say(ModelSaved(model=model, fields=fields), saved(B, name="good"))
    assert found(store) == [B]


def test_half_characters_do_not_stop_a_delivery(store: TaskStore, task: Telling) -> None:
    half = "\udcff"
    for name in (half, "again" + half):
        task.say(saved(name=name, project=half, tags=[half], url=half), used(half, A))
        task.say(loaded(name, C, url=f"s3://{half}", name=half))
    assert store.model(A).name == "again?"
    assert [use.name for use in store.task_models(task.id)] == ["?", "again?"]


def test_an_unknown_model_is_not_found(store: TaskStore) -> None:
    store.save_model(A, {"name": "a"})
    store.delete_model(A)
    store.delete_model(A)
    for model in (A, B, ""):
        with pytest.raises(NotFoundError, match="There is no model"):
            store.model(model)
    assert (found(store), store.model_at(PLACE)) == ([], None)


# whose a model is


def test_a_journal_changes_its_own_models_alone(store: TaskStore, task: Telling) -> None:
    other = Telling(store)
    task.say(saved(name="mine", task=other.id, created_at=1.0))
    other.say(saved(name="theirs", tags=["stolen"]), saved(B, name="B"))
    store.save_model(C, {"name": "outside"})
    task.say(saved(C, name="taken"))
    assert (store.model(A).name, store.model(A).task) == ("mine", task.id)
    assert store.model(A).created_at > 1.0
    assert (store.model(B).task, store.model(C).name, store.model(C).task) == (
        other.id,
        "outside",
        "",
    )
    assert found(store, tags=parse("tags", "stolen")) == []
    store.edit(other.id, saved(name="from outside"))
    assert (store.model(A).name, store.model(A).task) == ("from outside", task.id)


def test_a_task_names_its_models_in_the_order_of_their_making(task: Telling) -> None:
    task.say(used("best", A, is_output=True, at=2.0), used("first", B, is_output=True, at=1.0))
    task.say(used("start", C, at=3.0))
    assert task.uses() == [("first", B, True), ("best", A, True), ("start", C, False)]
    task.say(used("best", A, is_output=True, at=9.0))
    assert task.uses()[1] == ("best", A, True), "it was there already"
    task.say(used("first", C, is_output=True, at=10.0))
    assert task.uses() == [("best", A, True), ("start", C, False), ("first", C, True)]
    task.say(ModelsUnused(names=("start", "best", "none")))
    assert task.uses() == [("best", A, True), ("first", C, True)]
    task.say(ModelsUnused(names=("best",), are_output=True))
    assert task.uses() == [("first", C, True)]


def test_who_began_from_a_model_is_known_and_who_made_it_is_no_such_task(
    store: TaskStore, task: Telling
) -> None:
    other = Telling(store)
    other.say(used("out", A, is_output=True))
    assert store.tasks_using(A) == []
    task.say(used("a", A), used("b", A))
    assert store.tasks_using(A) == [task.id]
    task.say(ModelsUnused(names=("a",)))
    assert store.tasks_using(A) == [task.id]
    task.say(used("b", B))
    assert (store.tasks_using(A), store.tasks_using(B)) == ([], [task.id])


def test_uses_go_with_their_task_and_models_stay(store: TaskStore, task: Telling) -> None:
    task.say(saved(name="mine"), used("out", A, is_output=True), used("in", B))
    store.finish(task.id, 1, Outcome(reason=Reason.COMPLETED))
    store.reset(task.id, allowed=(Status.COMPLETED,))
    assert task.uses() == [("in", B, False)]
    assert store.tasks_using(B) == [task.id]
    store.delete(task.id)
    assert (store.task_models(task.id), store.tasks_using(B)) == ([], [])
    assert store.model(A).task == task.id


def test_a_deleted_model_leaves_nothing(store: TaskStore, inside: Inside) -> None:
    store.save_model(B, {"name": "other"})
    before = set(inside.contents())
    store.save_model(A, {"name": "a", "project": "examples", "tags": ["x"], "url": PLACE})
    store.save_model(A, {"project": "moved", "tags": ["y"], "url": "s3://other"})
    store.delete_model(A)
    assert set(inside.contents()) == before


# where a model lies


def test_the_model_at_a_place_is_the_one_that_was_saved_there_last(store: TaskStore) -> None:
    store.save_model(A, {"url": PLACE, "digest": "1"})
    assert store.model_at(PLACE) == store.model_at(PLACE, "box") == A
    store.save_model(B, {"url": PLACE, "digest": "2"})
    store.save_model(A, {"comment": "does not move it"})
    assert store.model_at(PLACE) == B
    store.save_model(B, {"url": "s3://other"})
    assert (store.model_at(PLACE), store.model_at("s3://other")) == (None, B)
    store.save_model(B, {"url": ""})
    assert (store.model_at("s3://other"), store.model_at("")) == (None, None)


def test_a_path_is_one_of_its_machine_unless_it_was_kept(store: TaskStore) -> None:
    store.save_model(A, {"url": "file:///tmp/m.bin", "machine": "box"})
    store.save_model(B, {"url": "file:///share/m.bin", "machine": "box", "digest": "1"})
    assert store.model_at("file:///tmp/m.bin", "box") == A
    assert store.model_at("file:///tmp/m.bin", "other") is None
    assert store.model_at("file:///share/m.bin", "other") == B


def test_loaded_weights_are_those_of_the_model_that_lies_there(
    store: TaskStore, task: Telling
) -> None:
    store.save_model(A, {"url": PLACE, "name": "known"})
    task.say(loaded("m", B, url=PLACE, name="found"))
    assert task.uses() == [("m", A, False)]
    assert store.tasks_using(A) == [task.id]
    with pytest.raises(NotFoundError):
        store.model(B)


def test_loaded_weights_that_no_model_has_become_one(store: TaskStore, task: Telling) -> None:
    there = {"url": "file:///tmp/m.bin", "machine": "box"}
    task.say(loaded("m", B, **there, name="found", task=task.id))
    other = Telling(store)
    other.say(loaded("n", B, **there, name="again"), loaded("o", C, **there, name="third"))
    assert (store.model(B).name, store.model(B).task) == ("found", "")
    assert task.uses() == [("m", B, False)]
    assert other.uses() == [("n", B, False), ("o", B, False)]
    assert store.tasks_using(B) == sorted([task.id, other.id])


def test_a_task_does_not_begin_from_what_it_made_itself(store: TaskStore, task: Telling) -> None:
    task.say(saved(url=PLACE), used("m", A, is_output=True), loaded("m", B, url=PLACE))
    assert task.uses() == [("m", A, True)]


# finding models


@pytest.fixture
def three(store: TaskStore) -> TaskStore:
    store.save_model(A, {"name": "net", "project": "one", "tags": ["x", "y"]})
    metadata = {"acc": {"value": 0.5}}
    store.save_model(
        B, {"name": "network", "project": "two", "is_published": True, "metadata": metadata}
    )
    store.save_model(C, {"name": "net", "project": "one", "tags": ["y"], "is_archived": True})
    return store


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [B, A]),
        ({"are_archived_too": True}, [C, B, A]),
        ({"are_archived_too": True, "limit": 2}, [C, B]),
        ({"limit": 0}, []),
        ({"project": "one"}, [A]),
        ({"project": "none"}, []),
        ({"name": "net"}, [A]),
        ({"pattern": "^net"}, [B, A]),
        ({"pattern": "work$"}, [B]),
        ({"is_published": True}, [B]),
        ({"metadata": {"acc": 0.5}}, [B]),
        ({"metadata": {"acc": 0.6}}, []),
        ({"metadata": {"none": None}}, []),
        ({"tags": parse("tags", ["y"]), "are_archived_too": True}, [C, A]),
        ({"tags": parse("tags", ["__$and", "x", "y"])}, [A]),
        ({"tags": parse("tags", ["x", "z"])}, [A]),
        ({"tags": parse("tags", ["-x"]), "are_archived_too": True}, [C, B]),
        ({"tags": parse("tags", ["y", "-x"]), "project": "one", "are_archived_too": True}, [C]),
    ],
)
def test_models_are_found_the_last_changed_one_first(
    three: TaskStore, wanted: dict[str, Any], expected: list[str]
) -> None:
    assert found(three, **wanted) == expected


def test_the_sets_follow_what_changes(three: TaskStore) -> None:
    three.save_model(A, {"project": "two", "tags": ["z"]})
    assert found(three, project="one") == []
    assert found(three, project="two") == [A, B]
    assert found(three, tags=parse("tags", ["x"])) == []
    assert found(three, tags=parse("tags", ["z"])) == [A]


def test_a_new_task_gets_its_inputs_when_it_is_created_or_by_an_edit(store: TaskStore) -> None:
    record = make_record()
    store.create(record, used("in", B))
    assert [use.model for use in store.task_models(record.id)] == [B]
    store.edit(record.id, used("in", A))
    assert [use.model for use in store.task_models(record.id)] == [A]
    assert store.tasks_using(A) == [record.id]


# their reports


def reported(model_id: str) -> list[Event]:
    plot = Plot(title="hist", series="h", iteration=1, at=1.0, figure="{}")
    points = POINT.pack(1, 1.0, 1.0) + POINT.pack(2, 2.0, 0.5)
    scalars = Scalars(columns=(Column("loss", "train", points),))
    return [
        ModelReported(model=model_id, scalars=scalars),
        ModelReported(model=model_id, plot=plot),
    ]


def test_reports_of_a_model_are_there_once_and_go_with_it(store: TaskStore) -> None:
    task_id, holder = running(store), reports_of(A)
    store.apply(task_id, 1, "f", 0, 1, [saved()])
    for _ in range(2):
        assert store.apply(task_id, 1, "f", 1, 2, reported(A)) == 2
    assert store.points(holder, "loss", "train") == [(1, 1.0, 1.0), (2, 2.0, 0.5)]
    assert [one.count for one in store.series(holder)] == [2]
    assert [plot.figure for plot in store.history(holder, Plot, "hist", "h")] == ["{}"]
    assert not store.series(task_id)
    assert not store.histories(task_id, Plot)
    assert store.state(task_id).last_iteration == 0
    store.delete_model(A)
    assert not store.series(holder)
    assert not store.histories(holder, Plot)
    assert store.apply(task_id, 1, "f", 2, 3, reported(A)) == 3
    assert store.series(holder) == []


def test_a_task_reports_of_no_model_that_another_one_has_made(store: TaskStore) -> None:
    mine, other = running(store), running(store)
    store.apply(mine, 1, "f", 0, 1, [saved()])
    assert store.apply(other, 1, "f", 0, 1, reported(A)) == 1
    assert store.series(reports_of(A)) == []


def test_a_report_of_what_has_no_id_of_a_model_is_left_out(store: TaskStore) -> None:
    task_id = running(store)
    assert store.apply(task_id, 1, "f", 0, 1, reported("../other")) == 1
