"""Function tasks: the function's name and arguments travel, the script runs again to the line."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere import Task
from elsewhere.core.choices import Status
from elsewhere.core.codec import to_plain
from elsewhere.core.events import Parameters
from elsewhere.core.folders import Home, RunFolder, write_beside
from elsewhere.core.journal import journal_files, read_events
from elsewhere.core.records import Call, Parameter, TaskRecord
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Ran, Scripts
from tests.stores import find, make_record

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
    (made,) = find(store, project_name="examples", exact_name="the sum")
    (second,) = find(store, project_name="examples", exact_name="my task <second>")
    (parent,) = find(store, project_name="examples", exact_name="my task")
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
    assert find(store) == []


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
        (
            "task.create_function_task(add, 'x', a=object())",
            "The argument 'a' of the function task 'x' cannot travel. A object cannot be",
        ),
        ("task.create_function_task(add, 'x', a=[add])", "UsageError: The argument 'a' of the"),
        ("task.create_function_task(add, 'x')", "missing a required argument: 'a'"),
        ("task.create_function_task(add, 'x', a=1, c=2)", "unexpected keyword argument 'c'"),
        ("task.create_function_task(add, 5, a=1)", "5 is not one: give func_name"),
        (
            "from functools import partial; task.create_function_task(partial(add, 1))",
            "has none: give func_name",
        ),
        (
            "async def late(): ...\ntask.create_function_task(late)",
            "The function 'late' does nothing when it is only called",
        ),
        (
            "def several(): yield\ntask.create_function_task(several)",
            "The function 'several' does nothing when it is only called",
        ),
        ("task.create_function_task(add, 'x', 'ab', a=1)", "has 2 characters"),
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
    assert len(find(store)) == 3


def test_whatever_has_a_name_can_be_called(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    script = """
    from functools import partial

    class Model:
        def __init__(self, name):
            self.name = name
        def fit(self, rate):
            print("fit", self.name, rate)
        def __call__(self):
            print("called", self.name)

    def outer():
        word = "inside"
        def inner():
            print("inner", word)
        return inner

    task = Task.init("examples", "my task")
    task.create_function_task(Model("m").fit, rate=0.5)
    task.create_function_task(Model("c"), "callable")
    task.create_function_task(outer())
    task.create_function_task(lambda word: print("lambda", word), word="x")
    task.create_function_task(partial(print, "partial"), "partial", sep="-")
    task.create_function_task(print, sep="-")
    print("behind")
    """
    ran = scripts.run(script)
    assert ran.lines == ["behind"], ran.errors
    expected = {
        "fit": "fit m 0.5",
        "callable": "called c",
        "inner": "inner inside",
        "<lambda>": "lambda x",
        "partial": "partial",
    }
    for name, line in expected.items():
        (made,) = find(store, project_name="examples", exact_name=f"my task <{name}>")
        ran, _ = run_as(scripts, elsewhere_home, script, store.read(made))
        assert ran.lines == [line], ran.errors


def test_one_function_is_several_tasks_under_several_names(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    script = """
    def add(a):
        print("add", repr(a))

    task = Task.init("examples", "my task")
    for number in range(3):
        task.create_function_task(add, f"add {number}", a=number)
    """
    assert scripts.run(script).status == 0
    (made,) = find(store, project_name="examples", exact_name="my task <add 1>")
    ran, _ = run_as(scripts, elsewhere_home, script, store.read(made))
    assert ran.lines == ["add 1"], ran.errors


def test_an_argument_that_is_changed_keeps_its_type(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    script = """
    def show(**given):
        print(given)

    task = Task.init("examples", "my task")
    task.create_function_task(
        show, rate=0.5, flag=True, count=3, names=("a",), inner={"deep": 1}, nothing=None,
        api_token="word",
    )
    """
    assert scripts.run(script).status == 0
    (made,) = find(store, project_name="examples", exact_name="my task <show>")
    task = Task(made, store)
    assert task.get_parameter("Function/api_token") == "***"
    changes = {"rate": "2", "flag": "no", "count": "4", "names": '["b"]', "inner/deep": "7"}
    for name, text in changes.items():
        task.set_parameter(f"Function/{name}", text)
    ran, _ = run_as(scripts, elsewhere_home, script, store.read(made))
    assert ast.literal_eval(ran.lines[0]) == {
        "rate": 2.0,
        "flag": False,
        "count": 4,
        "names": ("b",),
        "inner": {"deep": 7},
        "nothing": None,
        "api_token": "word",
    }, ran.errors


def test_a_function_that_is_run_so_makes_no_function_tasks(
    scripts: Scripts, elsewhere_home: Path
) -> None:
    script = """
    def inner():
        print("inner")

    def outer():
        task.create_function_task(inner)

    task = Task.init("examples", "my task")
    task.create_function_task(outer)
    """
    ran, _ = run_as(scripts, elsewhere_home, script, call("outer"))
    assert ran.status == 1
    assert "'inner' is made inside the function 'outer'" in ran.last_error


def test_a_process_that_the_script_has_started_makes_no_function_tasks(scripts: Scripts) -> None:
    ran = scripts.run(
        """
        task = Task.init("examples", "my task")
        def in_child():
            for call in (task.create_function_task, lambda _: task.execute_remotely("default")):
                try:
                    call(print)
                except Exception as error:
                    print(error, flush=True)
        if (pid := os.fork()) == 0:
            in_child()
            os._exit(0)
        os.waitpid(pid, 0)
        """
    )
    assert [
        line.partition(" belongs to the process that the task is")[0] for line in ran.lines
    ] == [
        "create_function_task",
        "execute_remotely",
    ], ran.errors


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
    (made,) = find(store, project_name="examples", exact_name="the sum")
    assert made in ran.lines[-1]
    assert store.read(made).parent == record.id


def test_an_argument_that_only_the_task_has_is_given_as_the_type_of_its_default(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    record = call("add", a=Parameter(value=7), b=Parameter(value="5"))
    ran, _ = run_as(scripts, elsewhere_home, SCRIPT, record)
    assert (ran.status, ran.lines[-1]) == (0, "add 7 5 ['x']"), ran.errors


def test_an_argument_that_the_function_does_not_have_is_an_error(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    record = call("add", a=Parameter(value=7), name=Parameter(value="5"))
    ran, _ = run_as(scripts, elsewhere_home, SCRIPT, record)
    assert ran.status == 1
    assert "the function 'add' has no such argument. Did you mean 'names'?" in ran.last_error
