"""Function tasks: the function's name and arguments travel, the script runs again to the line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere.codec import to_plain
from elsewhere.events import Parameters
from elsewhere.folders import Home, RunFolder, write_beside
from elsewhere.journal import journal_files, read_events
from elsewhere.records import Call, Parameter, Status, TaskRecord
from elsewhere.store.api import TaskFilter
from elsewhere.store.redis import RedisStore
from tests.sdk.scripts import Ran, Scripts
from tests.stores import make_record, opened

SCRIPT = """
def add(a, b=2, *, names=()):
    print("add", repr(a), repr(b), repr(names))
    if a == 0:
        raise ValueError("zero")

def other():
    print("other")

task = Task.init("examples", "my task")
print("to the line")
made = task.create_function_task(add, task_name="the sum", a=1, names=["x"])
second = task.create_function_task(other, "second")
print("behind", made and made.id, second and second.id)
"""


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    with opened(redis_url) as store:
        yield store


@pytest.fixture
def scripts(tmp_path: Path, redis_url: str) -> Scripts:
    return Scripts(tmp_path, redis_url)


def run_as(scripts: Scripts, home: Path, script: str, record: TaskRecord) -> tuple[Ran, RunFolder]:
    """The script as the runner starts it for this record."""
    folder = Home(home).run(record.id, 1).create()
    write_beside(folder.spec, {"record": to_plain(record)})
    return scripts.run(script, ELSEWHERE_RUN_FOLDER=str(folder.path)), folder


def call(function: str, **arguments: Parameter) -> TaskRecord:
    parameters = {f"Function/{name}": value for name, value in arguments.items()}
    return make_record(call=Call(function=function), parameters=parameters)


def test_a_function_task_is_a_draft_with_the_name_and_the_arguments(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(SCRIPT)
    assert ran.status == 0, ran.errors
    (made,) = store.find(TaskFilter(project="examples", name="the sum"))
    (second,) = store.find(TaskFilter(project="examples", name="my task <second>"))
    (parent,) = store.find(TaskFilter(project="examples", name="my task"))
    assert ran.lines == ["to the line", f"behind {made} {second}"]
    record = store.read(made)
    assert (record.call, record.parent) == (Call(function="add"), parent)
    assert {name: item.value for name, item in record.parameters.items()} == {
        "Function/a": 1,
        "Function/names": ["x"],
    }
    assert record.source == store.read(parent).source
    assert record.source.missing == ""
    assert store.read(second).call == Call(function="second")
    assert store.state(made).status is Status.CREATED


def test_on_the_agent_the_function_is_called_with_the_tasks_arguments_and_nothing_else_is_made(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    record = call(
        "add", a=Parameter(value=5, type="int"), names=Parameter(value=["y"], type="list")
    )
    ran, _ = run_as(scripts, elsewhere_home, SCRIPT, record)
    assert (ran.status, ran.lines) == (0, ["to the line", "add 5 2 ['y']"]), ran.errors
    ran, _ = run_as(scripts, elsewhere_home, SCRIPT, call("second"))
    assert (ran.status, ran.lines) == (0, ["to the line", "other"]), ran.errors
    assert store.find(TaskFilter()) == []


def test_the_arguments_that_a_record_does_not_name_are_those_of_the_script(
    scripts: Scripts, elsewhere_home: Path
) -> None:
    ran, folder = run_as(scripts, elsewhere_home, SCRIPT, call("add"))
    assert ran.lines == ["to the line", "add 1 2 ['x']"], ran.errors
    recorded = {
        name: item.value
        for path in journal_files(folder.journal)
        for event in read_events(path, 0)[0]
        if isinstance(event, Parameters)
        for name, item in event.values.items()
    }
    assert recorded == {"Function/a": 1, "Function/names": ["x"]}


def test_what_the_function_raises_is_the_scripts_failure(
    scripts: Scripts, elsewhere_home: Path
) -> None:
    record = call("add", a=Parameter(value=0, type="int"))
    ran, _ = run_as(scripts, elsewhere_home, SCRIPT, record)
    assert ran.status == 1
    assert ran.last_error == "ValueError: zero"


def test_a_call_of_a_function_that_the_script_does_not_have_runs_to_its_end(
    scripts: Scripts, elsewhere_home: Path
) -> None:
    ran, _ = run_as(scripts, elsewhere_home, SCRIPT, call("gone"))
    assert ran.lines[-1] == "behind None None"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("task.create_function_task('add')", "UsageError: A function task needs a function"),
        ("task.create_function_task(print, a=object())", "UsageError: The argument 'a' of the"),
        ("task.create_function_task(print, a=add)", "UsageError: The argument 'a' of the"),
        ("task.create_function_task(add, a=1)", "UsageError: There already is a function task"),
        ("made.create_function_task(other)", "UsageError: create_function_task belongs to"),
    ],
)
def test_what_cannot_travel_is_refused_where_it_is_made(
    scripts: Scripts, store: RedisStore, line: str, error: str
) -> None:
    ran = scripts.run(SCRIPT + line)
    assert ran.status == 1
    assert error in ran.last_error
    assert len(store.find(TaskFilter())) == 3


def test_a_function_task_goes_the_same_way_inside_an_ordinary_run(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path, redis_url: str
) -> None:
    """The agent runs the script itself: its function tasks are made as they are outside."""
    record = replace(make_record(), name="on the agent")
    store.create(record)
    folder = Home(elsewhere_home).run(record.id, 1).create()
    write_beside(folder.store, {"url": redis_url})
    ran, _ = run_as(scripts, elsewhere_home, SCRIPT, record)
    assert ran.status == 0, ran.errors
    (made,) = store.find(TaskFilter(project="examples", name="the sum"))
    assert made in ran.lines[-1]
    assert store.read(made).parent == record.id
