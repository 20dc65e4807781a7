"""`Task.get_task`, `get_tasks`, `query_tasks`: what their manual promises, against a real store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core.errors import NotFoundError, UsageError
from elsewhere.store.redis.store import RedisStore
from tests.stores import make_record, opened

#: name -> tags
TASKS = {
    "only a": ("a",),
    "only b": ("b",),
    "a and c": ("a", "c"),
    "c and d": ("c", "d"),
    "none": (),
}


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisStore]:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    with opened(redis_url) as store:
        for name, tags in TASKS.items():
            store.create(make_record(name=name, project="examples", tags=tags))
        yield store


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        (["a", "b"], {"only a", "only b", "a and c"}),
        (["__$and", "a", "c"], {"a and c"}),
        (["a", "-c"], {"only a"}),
        (["a", "__$not", "c"], {"only a"}),
        (["b", "__$and", "c", "d"], {"only b", "c and d"}),
        (["__$and", "__$or", "a", "b", "__$and", "c"], {"a and c"}),
    ],
)
def test_tags_are_asked_for_as_in_the_manual(
    store: RedisStore, tags: list[str], names: set[str]
) -> None:
    assert {task.name for task in Task.get_tasks(project_name="examples", tags=tags)} == names


def test_names_are_exact_for_one_and_searched_for_many(store: RedisStore) -> None:
    one = Task.get_task(project_name="examples", task_name="only a")
    assert one is not None
    assert one.name == "only a"
    assert Task.get_task(project_name="examples", task_name="only") is None
    found = Task.get_tasks(project_name="examples", task_name="^only")
    assert {task.name for task in found} == {"only a", "only b"}
    assert [task.id for task in Task.get_tasks(task_ids=[one.id])] == [one.id]
    with pytest.raises(NotFoundError):
        Task.get_tasks(task_ids=["0" * 32])


def test_a_query_gives_ids_or_the_fields_that_are_asked_for(store: RedisStore) -> None:
    ids = Task.query_tasks(project_name="examples", tags=["d"])
    (found,) = Task.query_tasks(
        project_name="examples", tags=["d"], additional_return_fields=["name", "status"]
    )
    assert found == {"id": ids[0], "name": "c and d", "status": "created"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"tags": ["__$nor", "a"]}, "__\\$nor"),
        ({"tags": ["a", "__$not"]}, "not"),
        ({"task_filter": {"stattus": ["failed"]}}, "status"),
        ({"task_name": "("}, "\\("),
    ],
)
def test_what_cannot_be_asked_is_answered_with_a_sentence(
    store: RedisStore, wrong: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        Task.get_tasks(**wrong)
