"""Deleting a task: with what it made, and without what somebody else still needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import DeleteError, NotFoundError, TransitionError
from elsewhere.core.events import ArtifactAdded, ModelUsed
from elsewhere.core.records import Artifact, ModelUse, Outcome
from elsewhere.storage import file_url
from elsewhere.store.model_records import ModelFilter
from elsewhere.store.redis.store import RedisStore
from tests.stores import begin, brought_to, find


def with_artifacts(store: RedisStore, tmp_path: Path, **fields: Any) -> tuple[Task, Path]:
    task_id, file = begin(store), tmp_path / "data.json"
    file.write_text("{}")
    made = {"name": "data", "type": "dict", "url": file_url(file), "digest": "0" * 64, **fields}
    store.apply(task_id, 1, "j", 0, 1, [ArtifactAdded(artifact=Artifact(**made))])
    store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED))
    return Task(task_id, store), file


def test_a_task_is_deleted_with_the_bytes_of_its_artifacts(
    store: RedisStore, tmp_path: Path
) -> None:
    task, file = with_artifacts(store, tmp_path)
    assert task.delete()
    assert not file.exists()
    with pytest.raises(NotFoundError):
        task.get_status()


@pytest.mark.parametrize(
    ("given", "fields", "is_whole"),
    [
        ({"delete_artifacts_and_models": False}, {}, True),
        ({"callback": lambda kind, _: kind != "artifact"}, {}, True),
        ({}, {"digest": ""}, True),
        ({}, {"machine": "another"}, False),
    ],
    ids=["not wanted", "refused by the callback", "a link", "on another machine"],
)
def test_bytes_that_are_not_to_be_deleted_stay(
    store: RedisStore, tmp_path: Path, given: Any, fields: Any, is_whole: bool
) -> None:
    task, file = with_artifacts(store, tmp_path, **fields)
    assert task.delete(**given) is is_whole
    assert file.exists()
    assert find(store) == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"machine": "another"}, "on the machine 'another'"),
        ({"url": "nowhere://x/y"}, "no storage for the scheme 'nowhere'"),
    ],
)
def test_what_could_not_be_deleted_is_named_where_that_is_wanted(
    store: RedisStore, tmp_path: Path, fields: Any, sentence: str
) -> None:
    task, _ = with_artifacts(store, tmp_path, **fields)
    with pytest.raises(Task.DeleteError, match=sentence):
        task.delete(raise_on_error=True)


@pytest.mark.parametrize(
    ("fields", "given", "is_gone", "are_bytes_gone"),
    [
        ({}, {}, True, True),
        ({"model": {"is_published": True}}, {}, False, False),
        ({"model": {"task": "0" * 32}}, {}, False, False),
        ({"used": True}, {}, False, False),
        ({"used": True}, {"skip_models_used_by_other_tasks": False}, True, True),
        ({"in_place": True}, {}, True, False),
        ({}, {"callback": lambda kind, _: kind != "model"}, False, False),
        ({}, {"delete_artifacts_and_models": False}, False, False),
    ],
)
def test_a_model_goes_with_the_task_that_made_it(
    store: RedisStore,
    tmp_path: Path,
    fields: dict[str, Any],
    given: Any,
    is_gone: bool,
    are_bytes_gone: bool,
) -> None:
    task_id, model_id = begin(store), "1" * 32
    is_used, is_in_place = "used" in fields, "in_place" in fields
    file = tmp_path / ("weights" if is_in_place else f"task.{task_id}") / "net.pt"
    file.parent.mkdir()
    file.touch()
    store.save_model(model_id, {"task": task_id, "url": file_url(file), **fields.get("model", {})})
    made = ModelUse(name="net", model=model_id, is_output=True, at=1.0)
    store.apply(task_id, 1, "j", 0, 1, [ModelUsed(use=made)])
    store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED))
    if is_used:
        store.edit(begin(store), ModelUsed(use=replace(made, is_output=False)))
    assert Task(task_id, store).delete(**given)
    assert (store.find_models(ModelFilter()) == []) is is_gone
    assert file.exists() is not are_bytes_gone


@pytest.mark.parametrize("old", Status)
def test_a_task_that_waits_runs_or_is_published_is_not_deleted(
    store: RedisStore, old: Status
) -> None:
    task = Task(brought_to(store, old), store)
    if old in (Status.QUEUED, Status.IN_PROGRESS):
        with pytest.raises(TransitionError):
            task.delete()
    elif old is Status.PUBLISHED:
        assert not task.delete()
        with pytest.raises(DeleteError, match="is published"):
            task.delete(raise_on_error=True)
    else:
        assert task.delete()
    assert bool(find(store)) == (old in (Status.QUEUED, Status.IN_PROGRESS, Status.PUBLISHED))
