"""What a task is called, changed by a handle, by the script that it is, and on an agent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core.choices import Status, TaskType
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import NotFoundError, UsageError
from elsewhere.core.events import applied
from elsewhere.core.folders import Home, write_beside
from elsewhere.core.journal import journal_files, read_events
from elsewhere.core.records import TaskRecord
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import begin, brought_to, find, make_record


@pytest.fixture
def task(store: RedisStore) -> Task:
    record = make_record(name="by hand", tags=("a", "b"))
    store.create(record)
    return Task(record.id, store)


def assign(field: str) -> Callable[[Task, Any], None]:
    return lambda task, value: setattr(task, field, value)


#: how it is changed -> the value, the field of the record, and what that is then
CHANGES: dict[str, tuple[Callable[[Task, Any], object], Any, str, Any]] = {
    "set_name": (Task.set_name, " new name ", "name", "new name"),
    "rename": (Task.rename, "new name", "name", "new name"),
    "name": (assign("name"), "new name", "name", "new name"),
    "set_comment": (Task.set_comment, "é\n", "comment", "é\n"),
    "comment": (assign("comment"), "", "comment", ""),
    "set_task_type": (Task.set_task_type, TaskType.QC, "type", TaskType.QC),
    "set_task_type as text": (Task.set_task_type, "testing", "type", TaskType.TESTING),
    "set_project": (Task.set_project, "by/id", "project", "by/id"),
    "move_to_project": (
        lambda task, name: task.move_to_project(new_project_name=name),
        "by name",
        "project",
        "by name",
    ),
    "set_tags": (Task.set_tags, ["b", "two words"], "tags", ("b", "two words")),
    "set_tags as text": (Task.set_tags, "x y x", "tags", ("x", "y")),
    "add_tags": (Task.add_tags, "c d", "tags", ("a", "b", "c", "d")),
    "remove_tags": (Task.remove_tags, {"b", "z"}, "tags", ("a",)),
    "no parent": (Task.set_parent, None, "parent", ""),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_label_is_changed_and_read_again(task: Task, store: RedisStore, change: str) -> None:
    do, value, field, expected = CHANGES[change]
    before = store.read(task.id)
    do(task, value)
    record = store.read(task.id)
    assert getattr(record, field) == expected
    assert record == replace(before, **{field: expected})
    seen = {"type": task.task_type, "tags": tuple(task.get_tags()), "parent": task.parent or ""}
    assert seen.get(field, getattr(task, field, None)) == expected


@pytest.mark.parametrize("status", Status)
def test_labels_are_changed_whatever_the_status(store: RedisStore, status: Status) -> None:
    task = Task(brought_to(store, status), store)
    task.rename("new name")
    task.set_archived(True)
    assert (task.name, task.get_archived(), task.status) == ("new name", True, status)


def test_a_renamed_and_moved_task_is_found_by_its_new_names_only(task: Task) -> None:
    task.set_name("new name")
    assert Task.get_task(project_name="examples", task_name="by hand") is None
    found = Task.get_task(project_name="examples", task_name="new name")
    assert found is not None
    assert found.id == task.id
    task.move_to_project(new_project_name="other")
    assert task.get_project_name() == "other"
    assert Task.get_task(project_name="examples", task_name="new name") is None
    assert Task.get_tasks(project_name="examples") == []
    assert [one.id for one in Task.get_tasks(project_name="other")] == [task.id]
    task.set_task_type("qc")
    assert Task.query_tasks(task_filter={"type": ["qc"]}) == [task.id]
    assert Task.query_tasks(task_filter={"type": ["training"]}) == []


def test_a_parent_is_a_task_its_id_or_none(task: Task, store: RedisStore) -> None:
    parent = Task(begin(store), store)
    assert task.parent is None
    for given in (parent, parent.id):
        task.set_parent(given)
        assert task.parent == parent.id
        task.set_parent(None)
        assert task.parent is None
    with pytest.raises(NotFoundError):
        task.set_parent("0" * 32)


def test_an_archived_task_is_put_away_and_taken_out_again(task: Task) -> None:
    assert not task.get_archived()
    task.archive()
    assert task.get_system_tags() == ["archived"]
    assert Task.get_tasks(allow_archived=False) == []
    assert task.get_tags() == ["a", "b"]
    task.unarchive()
    assert task.get_system_tags() == []
    task.set_system_tags("archived")
    task.set_system_tags([])
    assert [one.id for one in Task.get_tasks(allow_archived=False)] == [task.id]


def test_what_it_cannot_be_called_otherwise_can_be_read(
    task: Task, elsewhere_home: Path, store: RedisStore
) -> None:
    assert (task.output_uri, task.last_worker) == ("", None)
    assert task.cache_dir == Home(elsewhere_home).cache
    assert Task(begin(store, worker="box"), store).last_worker == "box"


#: no text
THREE: Any = 3

WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "a short name": (lambda task: task.set_name("ab"), "2 characters"),
    "a name of no text": (lambda task: setattr(task, "name", 3), "must be a text"),
    "a short project": (lambda task: task.set_project(project_name="x"), "1 character"),
    "no project": (lambda task: task.set_project(), "its id or its name"),
    "two projects": (lambda task: task.move_to_project("one", "two"), "not both"),
    "a comment of no text": (lambda task: task.set_comment(None), "must be a text"),
    "its own parent": (lambda task: task.set_parent(task), "own parent"),
    "a parent of no text": (lambda task: task.set_parent(3), "its id or None"),
    "an unknown type": (lambda task: task.set_task_type("trainin"), "mean 'training'"),
    "no type": (lambda task: task.set_task_type(None), "Task.TaskTypes"),
    "tags of no text": (lambda task: task.add_tags([1]), "Tags are a text"),
    "an empty tag": (lambda task: task.set_tags([""]), "Tags are a text"),
    "no tags": (lambda task: task.remove_tags(None), "Tags are a text"),
    "an unknown system tag": (lambda task: task.set_system_tags(["archive"]), "mean 'archived'"),
    "neither archived nor not": (lambda task: task.set_archived("no"), "True or False"),
    "a pattern that is none": (
        lambda _: Task.get_projects("("),
        "name must be a regular expression",
    ),
    "a pattern of no text": (lambda _: Task.get_projects(THREE), "name must be a text, not 3"),
    "a project of no text": (lambda _: Task.get_project_id(THREE), "must be a text"),
}


@pytest.mark.parametrize("call", WRONG)
def test_a_wrong_label_is_one_sentence_and_changes_nothing(
    task: Task, store: RedisStore, call: str
) -> None:
    do, sentence = WRONG[call]
    before = store.read(task.id)
    with pytest.raises(UsageError, match=sentence):
        do(task)
    assert store.read(task.id) == before


def test_a_handle_of_a_deleted_task_is_called_nothing(task: Task, store: RedisStore) -> None:
    store.delete(task.id)
    for call in (task.get_system_tags, lambda: task.rename("new name"), lambda: task.comment):
        with pytest.raises(NotFoundError):
            call()
    assert find(store) == []


# projects


def test_projects_are_those_that_were_used_the_last_used_one_first(store: RedisStore) -> None:
    assert Task.get_projects() == []
    for project in ("vision/a", "vision/b", "speech"):
        store.create(make_record(project=project))
    assert [one.name for one in Task.get_projects()] == ["speech", "vision/b", "vision/a"]
    assert [one.id for one in Task.get_projects("^vision/")] == ["vision/b", "vision/a"]
    assert Task.get_project_id("speech") == "speech"
    assert Task.get_project_id("spee", search_hidden=False) is None


# the task that a script is


SCRIPT = """
task = Task.init("examples", "a task", tags=["a"])
task.name = "new name"
task.move_to_project(new_project_name="other")
task.set_comment("why")
task.set_task_type("qc")
task.set_tags(["x"])
print(task.name, task.project, task.comment, task.task_type, task.get_tags())
"""


def as_script_sets_it(record: TaskRecord) -> bool:
    wanted = ("new name", "other", "why", TaskType.QC, ("x",))
    return (record.name, record.project, record.comment, record.type, record.tags) == wanted


def test_a_script_renames_itself(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(SCRIPT + "task.archive()\nprint(task.get_archived())")
    assert ran.lines == ["new name other why qc ['x']", "True"], ran.errors
    (task_id,) = find(store, project_name="other", exact_name="new name")
    assert as_script_sets_it(store.read(task_id))
    assert store.state(task_id).status is Status.COMPLETED


def test_a_program_on_an_agent_renames_itself_without_the_store(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    task_id = begin(store)
    record = store.read(task_id)
    folder = Home(elsewhere_home).run(task_id, 1).create()
    write_beside(folder.spec, {"record": to_plain(record)})
    ran = scripts.run(SCRIPT, ELSEWHERE_RUN_FOLDER=str(folder.path))
    assert ran.lines == ["new name other why qc ['x']"], ran.errors
    (path,) = journal_files(folder.journal)
    events, end = read_events(path, 0)
    for event in events:
        record = applied(record, event)
    assert as_script_sets_it(record)
    store.apply(task_id, 1, path.name, 0, end, events)
    assert as_script_sets_it(store.read(task_id))
