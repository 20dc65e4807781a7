"""What every store promises of queries: what is found, in which order, and which fields come."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elsewhere.core.choices import Reason, Status, TaskType
from elsewhere.core.errors import UsageError
from elsewhere.core.events import Event, Progress, Scalar, Tags
from elsewhere.core.records import Outcome, Parameter, Source
from elsewhere.store.api import SharedStore
from tests.contracts.insides import Inside, on_servers
from tests.properties import PROPERTY
from tests.stores import begin, find, make_record

pytestmark = on_servers


def made(store: SharedStore, **fields: Any) -> str:
    record = make_record(**fields)
    store.create(record)
    return record.id


def said(store: SharedStore, events: list[Event], **fields: Any) -> str:
    """The id of a task that runs and has said this."""
    task_id = begin(store, **fields)
    store.apply(task_id, 1, "f", 0, 1, events)
    return task_id


def test_without_a_filter_all_come_the_last_changed_first(store: SharedStore) -> None:
    first, second, third = (made(store) for _ in range(3))
    assert find(store) == [third, second, first]
    store.edit(first, comment="changed")
    assert find(store) == [first, third, second]
    store.delete(third)
    assert find(store) == [first, second]


def test_projects_are_exact_and_one_of_several(store: SharedStore) -> None:
    a, inner, b = (made(store, project=name) for name in ("a/b", "a/b/c", "-b"))
    assert find(store, project_name="a/b") == [a]
    assert find(store, project_name=["a/b", "-b", "none"]) == [b, a]
    assert find(store, {"project": ["-a/b", "a/b/c"]}) == [inner]
    assert find(store, project_name="a") == []


def test_status_type_and_archive_narrow(store: SharedStore) -> None:
    draft = made(store, type=TaskType.TESTING)
    done = made(store)
    store.move(done, Status.COMPLETED, allowed=(Status.CREATED,))
    put_away = made(store)
    store.edit(put_away, Tags(added=("archived",), are_system=True))
    assert find(store, {"status": ["completed"]}) == [done]
    assert find(store, {"status": ["-completed"]}, allow_archived=False) == [draft]
    assert find(store, {"type": "testing"}) == [draft]
    assert find(store, {"system_tags": ["archived"]}) == [put_away]
    store.edit(put_away, Tags(removed=("archived",), are_system=True))
    assert find(store, allow_archived=False) == [put_away, done, draft]


def test_an_exact_name_is_found_in_some_projects_or_in_all(store: SharedStore) -> None:
    a, b = made(store, project="a", name="one"), made(store, project="b", name="one")
    made(store, project="a", name="one more")
    assert find(store, exact_name="one") == [b, a]
    assert find(store, exact_name="one", project_name="a") == [a]
    assert find(store, exact_name="none") == []


def test_names_comments_and_words_are_searched(store: SharedStore) -> None:
    a = made(store, name="Train net", comment="with dropout")
    b = made(store, name="train tree", comment="é\n")
    assert find(store, task_name="^Train") == [a]
    assert find(store, task_name="train|net") == [b, a]
    assert find(store, {"comment": "drop"}) == [a]
    assert find(store, {"search_text": "TRAIN dropout"}) == [a]
    assert find(store, {"search_text": b[:12].upper()}) == [b]
    assert find(store, {"_any_": {"fields": ["name", "comment"], "pattern": "É|DROP"}}) == [b, a]
    assert find(store, {"_all_": {"fields": ["name", "comment"], "pattern": "t"}}) == [a]


def test_parents_and_ids_are_exact(store: SharedStore) -> None:
    parent = made(store)
    child = made(store, parent=parent)
    assert find(store, {"parent": [parent]}) == [child]
    assert find(store, {"parent": [f"-{parent}"]}) == [parent]
    assert find(store, {"id": [parent, "0" * 32]}) == [parent]


def test_times_narrow_with_their_bounds(store: SharedStore) -> None:
    ids = [made(store, created_at=float(n)) for n in range(1, 4)]
    assert find(store, {"created": [2, None]}) == [ids[2], ids[1]]
    assert find(store, {"created": [">1.0", "<3.0"]}) == [ids[1]]
    assert find(store, {"started": [0, None]}) == []
    at = store.state(ids[1]).updated_at
    assert find(store, {"last_update": [at, None]}) == [ids[2], ids[1]]
    assert find(store, {"last_update": [f">{at!r}"]}) == [ids[2]]
    assert find(store, {"last_update": [f"<{at!r}"], "project": ["examples"]}) == [ids[0]]
    assert find(store, {"last_update": [f"<={at!r}", f"<={time.time() + 60}"]}) == ids[1::-1]


def test_what_tasks_said_is_compared_and_sorted_by(store: SharedStore) -> None:
    def losses(*values: float) -> list[Event]:
        return [
            Scalar(title="loss.all", series="a.b", value=value, iteration=n, at=0.0)
            for n, value in enumerate(values)
        ]

    low, high, silent = (
        said(store, losses(5.0, 1.0)),
        said(store, [*losses(0.5, 2.0, 3.0), Progress(percent=40.0, at=0.0)]),
        made(store),
    )
    metric = "last_metrics.loss.all.a.b"
    assert find(store, {metric: [2, None]}) == [high]
    assert find(store, {f"{metric}.max_value": [">4"]}) == [low]
    assert find(store, {f"{metric}.min_value": ["<1"]}) == [high]
    assert find(store, {"order_by": metric}) == [low, high, silent]
    assert find(store, {"order_by": [f"-{metric}.value"]}) == [high, low, silent]
    assert find(store, {"order_by": "-last_iteration"}) == [high, low, silent]
    assert find(store, {"last_iteration": [2, 2]}) == [high]
    assert find(store, {"progress": [None, 50]}) == [high]


def test_several_orders_sort_one_within_the_other(store: SharedStore) -> None:
    ids = [
        made(store, name=name, created_at=at) for name, at in (("bbb", 1), ("aaa", 2), ("bbb", 3))
    ]
    assert find(store, {"order_by": ["name", "-created"]}) == [ids[1], ids[2], ids[0]]
    assert find(store, {"order_by": ["-name", "created"]}) == [ids[0], ids[2], ids[1]]
    assert find(store, {"order_by": ["last_update"]}) == ids
    assert find(store, {"order_by": ["-name"], "page": 1, "page_size": 2}) == [ids[1]]
    assert find(store, {"page_size": 2}) == [ids[2], ids[1]]
    assert find(store, {"page": 1, "page_size": 2}) == [ids[0]]
    assert find(store, {"name": "bbb", "page": 1, "page_size": 1}) == [ids[0]]
    assert find(store, {"page": 7}) == []


def test_more_tasks_than_a_page_come_at_once(store: SharedStore) -> None:
    ids = [made(store, id=f"{n:032x}", tags=("many",)) for n in range(1200)]
    assert find(store, tags=["many"]) == ids[::-1]
    assert find(store, {"name": "train", "order_by": "id"}) == ids


def test_fields_are_looked_up_with_their_own_types(store: SharedStore) -> None:
    task_id = said(
        store,
        [Scalar(title="loss", series="train", value=0.25, iteration=3, at=0.0)],
        tags=("b", "a"),
        created_at=5.0,
        source=Source(commit="c0ffee"),
        parameters={"General/a.b": Parameter(value=[1, 2])},
        seed=None,
    )
    outcome = Outcome(reason=Reason.PROGRAM_FAILED, message="It broke.")
    store.finish(task_id, 1, outcome)
    state = store.state(task_id)
    wanted = {
        "name": "train",
        "tags": ["a", "b"],
        "system_tags": [],
        "status": "failed",
        "status_message": "It broke.",
        "created": 5.0,
        "started": state.started_at,
        "completed": state.ended_at,
        "last_update": state.updated_at,
        "last_iteration": 3,
        "progress": None,
        "source.commit": "c0ffee",
        "source.nothing": None,
        "seed": None,
        "parameters.General/a.b": [1, 2],
        "parameters.General/none": None,
        "last_metrics.loss.train": 0.25,
        "last_metrics.loss.none": None,
    }
    assert store.look_up([task_id, "0" * 32], list(wanted)) == [{"id": task_id, **wanted}]


def test_what_a_record_leaves_to_its_default_is_looked_up_as_that(store: SharedStore) -> None:
    task_id = made(store, source=Source(commit="c0ffee"))
    wanted = {
        "type": "training",
        "comment": "",
        "source.commit": "c0ffee",
        "source.branch": "",
        "environment.packages": None,
    }
    assert store.look_up([task_id], list(wanted)) == [{"id": task_id, **wanted}]
    testing = made(store, type=TaskType.TESTING)
    assert find(store, {"order_by": ["type"]}) == [testing, task_id]
    assert find(store, {"comment": "^$"}) == [testing, task_id]


def test_an_unknown_field_is_answered_with_the_closest(store: SharedStore) -> None:
    with pytest.raises(UsageError, match=r"no field 'naem'\. Did you mean 'name'\?"):
        store.look_up([made(store)], ["naem"])


# expressions, against a naive evaluation

TAGS = ("a", "b", "c", "d")
PROJECTS = ("p", "q")
TASK = st.tuples(st.sampled_from(PROJECTS), st.sets(st.sampled_from(TAGS)), st.booleans())
OPERATOR = st.sampled_from(["__$and", "__$or", "__$all", "__$any"])
GROUP = st.tuples(OPERATOR, st.lists(st.sampled_from(TAGS), min_size=1, max_size=3))


def naive(
    first: list[str], groups: list[tuple[str, list[str]]], excluded: set[str], there: set[str]
) -> bool:
    """The sentence of the grammar, word for word."""
    is_and = {"__$and": True, "__$all": True, "__$or": False, "__$any": False}
    values = [any(tag in there for tag in first)] if first else []
    for operator, tags in groups:
        join = all if is_and[operator] else any
        values.append(join(tag in there for tag in tags))
    joined = True
    if values:
        begins_with_and = not first and is_and[groups[0][0]]
        joined = all(values) if begins_with_and else any(values)
    return joined and not there & excluded


@settings(PROPERTY, max_examples=60)
@given(
    tasks=st.lists(TASK, max_size=12),
    first=st.lists(st.sampled_from(TAGS), max_size=2),
    groups=st.lists(GROUP, max_size=3),
    excluded=st.sets(st.sampled_from(TAGS), max_size=2),
    project=st.sampled_from([None, *PROJECTS]),
    is_done=st.booleans(),
)
def test_the_store_finds_what_a_naive_evaluation_does(
    store: SharedStore,
    inside: Inside,
    tasks: list[tuple[str, set[str], bool]],
    first: list[str],
    groups: list[tuple[str, list[str]]],
    excluded: set[str],
    project: str | None,
    is_done: bool,
) -> None:
    spoken_of = {*first, *(tag for _, tags in groups for tag in tags)}
    excluded = excluded - spoken_of
    query = [*first]
    for operator, tags in groups:
        query += [operator, *tags]
    query += [f"-{tag}" for tag in sorted(excluded)]
    inside.clear()
    wanted = []
    for its_project, tags_there, is_its_done in tasks:
        task_id = made(store, id=os.urandom(16).hex(), project=its_project, tags=tuple(tags_there))
        if is_its_done:
            store.move(task_id, Status.COMPLETED, allowed=(Status.CREATED,))
        is_wanted = project in (None, its_project) and is_its_done is is_done
        if is_wanted and naive(first, groups, excluded, tags_there):
            wanted.append(task_id)
    sign = "" if is_done else "-"
    task_filter = {"status": [f"{sign}completed"]}
    assert find(store, task_filter, tags=query, project_name=project) == wanted[::-1]
