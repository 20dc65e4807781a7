"""A task's parameters by its handle: set, read, deleted, and the whole way of what is connected."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere import Task, TaskParameters, param
from elsewhere.core.choices import Status
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import NotFoundError, TransitionError, UsageError
from elsewhere.core.events import applied
from elsewhere.core.folders import Home, write_beside
from elsewhere.core.journal import journal_files, read_events
from elsewhere.core.records import Configuration, Parameter, TaskRecord
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Ran, Scripts
from tests.sdk.targets import record_of
from tests.stores import find, make_record


@pytest.fixture
def task(store: RedisStore) -> Task:
    record = make_record(
        parameters={
            "Args/lr": Parameter(value=0.5, type="float", description="how fast"),
            "General/n": Parameter(value=3, type="int"),
            "General/size": Parameter(value=[1, 2], type="tuple"),
            "General/open": Parameter(value="5"),
            "General/none": Parameter(value=None, type="NoneType"),
        }
    )
    store.create(record)
    return Task(record.id, store)


def test_all_are_replaced_and_the_last_of_the_same_name_counts(task: Task) -> None:
    task.set_parameters({"Args/epochs": 7, "lr": 0.5}, {"General/lr": 1}, lr=2, other=None)
    assert task.get_parameters() == {"Args/epochs": 7, "General/lr": 2, "General/other": None}
    task.set_parameters()
    assert task.get_parameters() == {}


def test_parameters_are_added_from_a_nested_dict_as_on_the_page(task: Task) -> None:
    before = task.get_parameters()
    task.set_parameters_as_dict(
        {"my_args/lr": 0.3, "epochs": 10, "net": {"opt": {"k": 1}, "empty": {}, 3: "x"}, "no": {}}
    )
    assert task.get_parameters() == before | {
        "my_args/lr": 0.3,
        "General/epochs": 10,
        "net/opt/k": 1,
        "net/empty": {},
        "net/3": "x",
    }


def test_a_nested_dict_comes_back_as_it_was_read(task: Task) -> None:
    task.set_parameters({"a/b": 1, "a/b/c": 2, "a/d/e": [1], "lr": 0.1})
    nested = task.get_parameters_as_dict()
    assert nested == {"a": {"b": 1, "b/c": 2, "d": {"e": [1]}}, "General": {"lr": 0.1}}
    before = task.get_parameters()
    task.set_parameters_as_dict(nested)
    assert task.get_parameters() == before


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("Args/lr", "0.1", Parameter(value=0.1, type="float", description="how fast")),
        ("Args/lr", 1, Parameter(value=1.0, type="float", description="how fast")),
        ("Args/lr", [1], Parameter(value=[1], type="list", description="how fast")),
        ("n", "7", Parameter(value=7, type="int")),
        ("n", 2.5, Parameter(value=2.5, type="float")),
        ("n", True, Parameter(value=True, type="bool")),
        ("n", None, Parameter(value=None, type="NoneType")),
        ("size", [3], Parameter(value=[3], type="tuple")),
        ("size", "(3, 4)", Parameter(value=[3, 4], type="tuple")),
        ("new", "7", Parameter(value="7", type="str")),
        ("none", "7", Parameter(value="7", type="NoneType")),
    ],
)
@pytest.mark.parametrize("way", ["set_parameter", "update_parameters", "named"])
def test_a_new_value_keeps_type_and_description_where_it_can(
    task: Task, store: RedisStore, name: str, value: object, wanted: Parameter, way: str
) -> None:
    before = task.get_parameters()
    if way == "set_parameter":
        task.set_parameter(name, value)
    elif way == "update_parameters":
        task.update_parameters({"other": 1}, {name: value})
    else:
        task.update_parameters(**{name: value})
    full_name = name if "/" in name else f"General/{name}"
    is_edit = before.get(full_name) != value
    assert store.read(task.id).parameters[full_name] == replace(wanted, is_edit=is_edit)
    assert len(task.get_parameters()) >= 5


@pytest.mark.parametrize(
    ("value", "value_type", "wanted"),
    [
        ("5", int, 5),
        ("5", "float", 5.0),
        (5, float, 5.0),
        (5, str, "5"),
        ("no", "bool", False),
        ([1], tuple, (1,)),
        (None, int, None),
    ],
)
def test_a_type_that_is_given_counts(
    task: Task, value: object, value_type: type | str, wanted: object
) -> None:
    task.set_parameter("Args/lr", value, "why", value_type)
    found = task.get_parameter("Args/lr")
    assert found == wanted
    assert type(found) is type(wanted)
    assert task.access.record.parameters["Args/lr"].description == "why"


def test_values_keep_their_types_and_untyped_texts_are_cast_when_asked(task: Task) -> None:
    plain = {
        "Args/lr": 0.5,
        "General/n": 3,
        "General/size": (1, 2),
        "General/open": "5",
        "General/none": None,
    }
    assert task.get_parameters() == task.get_parameters(False) == plain
    assert task.get_parameters(cast=True) == plain | {"General/open": 5}
    assert task.get_parameters_as_dict(cast=True)["General"]["open"] == 5
    assert (task.get_parameter("open"), task.get_parameter("open", cast=True)) == ("5", 5)
    assert task.get_parameter("Open", default="no") == "no", "with case"
    assert task.get_parameter("General/none", default="no") is None


def test_one_is_deleted(task: Task, caplog: pytest.LogCaptureFixture) -> None:
    assert task.delete_parameter("n") is True
    assert task.delete_parameter("Args/lr") is True
    assert set(task.get_parameters()) == {"General/size", "General/open", "General/none"}
    assert task.delete_parameter("sise") is False
    assert "has no parameter 'General/sise'. Did you mean 'General/size'?" in caplog.text


EDITS: dict[str, Any] = {
    "set_parameters": lambda t: t.set_parameters({"a": 1}),
    "update_parameters": lambda t: t.update_parameters(a=1),
    "set_parameters_as_dict": lambda t: t.set_parameters_as_dict({"a": 1}),
    "set_parameter": lambda t: t.set_parameter("a", 1),
    "delete_parameter": lambda t: t.delete_parameter("n"),
    "connect": lambda t: t.connect({"a": 1}),
}


@pytest.mark.parametrize("status", list(Status))
def test_parameters_are_changed_in_drafts_and_runs_only(
    task: Task, store: RedisStore, status: Status
) -> None:
    store.move(task.id, status, allowed=set(Status))
    before = task.get_parameters()
    for name, edit in EDITS.items():
        if status in (Status.CREATED, Status.IN_PROGRESS):
            store.edit(task.id, parameters={"General/n": Parameter(value=1)})
            edit(task)
            assert task.get_parameters() != {"General/n": 1}, name
            continue
        with pytest.raises(TransitionError, match=f"it is {status}.*Clone it and change the clone"):
            edit(task)
        assert task.get_parameters() == before


def test_force_changes_what_is_over(task: Task, store: RedisStore) -> None:
    store.move(task.id, Status.COMPLETED, allowed=set(Status))
    task.set_parameter("n", 4, force=True)
    assert task.delete_parameter("open", force=True)
    assert (task.get_parameter("n"), task.get_parameter("open")) == (4, None)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda t: t.set_parameters([1]), "set_parameters takes dicts of names and values"),
        (lambda t: t.update_parameters("a"), "update_parameters takes dicts"),
        (lambda t: t.set_parameters_as_dict(None), "set_parameters_as_dict takes dicts"),
        (lambda t: t.set_parameters({1: 2}), "The name of a parameter must be a text, not 1"),
        (lambda t: t.set_parameter("/a", 2), "'/a' does not name a parameter"),
        (lambda t: t.set_parameters({"a": 1, "b": {1}}), "'General/b' is not set. A set cannot"),
        (lambda t: t.set_parameter("n", "x"), "'General/n' is not set. A parameter cannot be 'x'"),
        (lambda t: t.set_parameter("n", 1.5, value_type=int), "cannot be 1.5: it takes a whole"),
        (lambda t: t.set_parameter("n", 1, value_type="itn"), "type 'itn'. Did you mean 'int'?"),
        (lambda t: t.set_parameter("n", 1, value_type=complex), "cannot have the type 'complex'"),
        (
            lambda t: t.set_parameter("n", 1, description=5),
            "description of 'General/n' must be a text",
        ),
        (lambda t: t.get_parameter(None), "name of a parameter must be a text, not None"),
        (lambda t: t.delete_parameter("a/"), "does not name a parameter"),
        (lambda t: t.connect([1]), "connect takes a dict, an object"),
        (lambda t: t.connect({}, ""), "connect takes a name"),
    ],
)
def test_a_wrong_call_is_answered_with_a_sentence(task: Task, call: Any, error: str) -> None:
    before = task.get_parameters()
    with pytest.raises(UsageError) as refused:
        call(task)
    assert error in str(refused.value)
    assert task.get_parameters() == before


def test_what_is_connected_to_another_task_is_written_to_it(task: Task, store: RedisStore) -> None:
    class Config(TaskParameters):
        rate = param(default=0.1, type=float)

    given = task.connect({"a": {"b": 1}}, "net")
    given["a"]["b"] = 2
    config = task.connect(Config(), "config")
    config.rate = 0.3
    found = task.get_parameters()
    assert (found["net/a/b"], found["config/rate"], found["General/n"]) == (2, 0.3, 3)
    store.delete(task.id)
    with pytest.raises(NotFoundError):
        given["a"]["b"] = 3


# the whole way

SCRIPT = """
import argparse
from collections import OrderedDict
from elsewhere import TaskParameters, param

class Person:
    def __init__(self, name, age):
        self.name = name
        self.age = age

class Net:
    depth = 2

class Config(TaskParameters):
    rate = param(default=0.1, type=float, range=(0, 1), desc="How fast.")

Path("net.yaml").write_text("a: 1\\r\\n")
task = Task.init("examples", "my task", auto_connect_arg_parser=False)
parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default=8)
task.connect(parser)
me = task.connect(Person("Erik", 5))
params = task.connect({"epochs": 3, "opt": {"lr": 0.4}}, "Params")
task.connect(Net, name="Net")
config = task.connect(Config(), "Config")
model = task.connect_configuration({"value": 13.37, "ints": [1]}, "model", "the model")
layers = task.connect_configuration([1, 2], "layers")
path = task.connect_configuration("net.yaml", "yaml file")
labels = task.connect_label_enumeration({"cat": 1})
task.set_user_properties({"name": "backbone", "description": "network type", "value": "great"})
task.set_parameter("Extra/decay", 0.001)
print(parser.parse_args([]).batch, me.name, me.age, params, Net.depth, config.rate)
print(json.dumps([model, layers, open(path, newline="").read(), labels]))
print(task.get_parameter("Extra/decay"), task.get_user_properties(value_only=True))
me.age += 1
params["opt"]["lr"] /= 2
config.rate /= 2
model["ints"].append(2)
"""

LOCAL = {
    "Args/batch": 8,
    "General/name": "Erik",
    "General/age": 6,
    "Params/epochs": 3,
    "Params/opt/lr": 0.2,
    "Net/depth": 2,
    "Config/rate": 0.05,
    "Extra/decay": 0.001,
}


def values(record: TaskRecord) -> dict[str, object]:
    return {name: item.value for name, item in record.parameters.items()}


def as_run(scripts: Scripts, home: Path, record: TaskRecord) -> tuple[Ran, TaskRecord]:
    """The script as the runner starts it for this record, which becomes what it reported."""
    folder = Home(home).run(record.id, 1).create()
    write_beside(folder.spec, {"record": to_plain(record)})
    ran = scripts.run(SCRIPT, ELSEWHERE_RUN_FOLDER=str(folder.path))
    for path in journal_files(folder.journal):
        for event in read_events(path, 0)[0]:
            record = applied(record, event)
    return ran, record


def test_what_a_script_connects_is_on_its_task(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(SCRIPT)
    assert ran.status == 0, ran.errors
    assert ran.lines == [
        "8 Erik 5 {'epochs': 3, 'opt': {'lr': 0.4}} 2 0.1",
        '[{"value": 13.37, "ints": [1]}, [1, 2], "a: 1\\r\\n", {"cat": 1}]',
        "0.001 {'backbone': 'great'}",
    ]
    record = store.read(find(store)[0])
    assert values(record) == LOCAL
    assert record.parameters["Config/rate"].description == "How fast. At least 0 and at most 1."
    texts = {name: item.text for name, item in record.configurations.items()}
    assert texts.pop("yaml file") == "a: 1\r\n"
    assert {name: json.loads(text) for name, text in texts.items()} == {
        "model": {"value": 13.37, "ints": [1, 2]},
        "layers": [1, 2],
    }
    assert record.labels == {"cat": 1}
    assert record.properties["backbone"].description == "network type"


def test_on_an_agent_a_script_gets_the_values_of_its_task(
    scripts: Scripts, elsewhere_home: Path
) -> None:
    overrides = {
        "Args/batch": "16",
        "General/name": "Ada",
        "General/age": "36",
        "Params/epochs": "7",
        "Params/opt/lr": "1e-2",
        "Net/depth": "3",
        "Config/rate": "0.5",
    }
    texts = {
        "model": '{"value": 1, "ints": [], "new": null}',
        "layers": "[3]",
        "yaml file": "b: 2\n",
    }
    record = make_record(
        parameters=record_of(overrides),
        configurations={name: Configuration(text=text) for name, text in texts.items()},
        labels={"dog": 2},
    )
    ran, recorded = as_run(scripts, elsewhere_home, record)
    assert ran.status == 0, ran.errors
    assert ran.lines == [
        "16 Ada 36 {'epochs': 7, 'opt': {'lr': 0.01}} 3 0.5",
        '[{"value": 1.0, "ints": [], "new": null}, [3], "b: 2\\n", {"dog": 2}]',
        "0.001 {'backbone': 'great'}",
    ]
    assert values(recorded) == {
        **overrides,
        "General/age": 37,
        "Params/opt/lr": 0.005,
        "Config/rate": 0.25,
        "Extra/decay": 0.001,
    }
    assert json.loads(recorded.configurations["model"].text)["ints"] == [2]
    assert recorded.configurations["yaml file"].text == "b: 2\n"
    assert recorded.labels == {"dog": 2}


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("General/age", "old", "'General/age' cannot be 'old': it takes a whole number."),
        ("Params/opt/lr", "low", "'Params/opt/lr' cannot be 'low': it takes a number."),
        ("Config/rate", 5, "'Config/rate' cannot be 5.0: it must be at least 0 and at most 1."),
    ],
)
def test_on_an_agent_an_override_that_does_not_fit_ends_the_script_with_a_sentence(
    scripts: Scripts, elsewhere_home: Path, name: str, value: object, error: str
) -> None:
    ran, _ = as_run(scripts, elsewhere_home, make_record(parameters=record_of({name: value})))
    assert ran.status == 1
    assert error in ran.last_error


def test_what_another_process_sets_on_a_running_script_is_seen_by_it(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        task = Task.init("examples", "my task")
        task.set_parameter("lr", 0.1)
        task.flush(wait_for_uploads=True)
        from elsewhere.core.settings import load
        from elsewhere.store import open_store
        Task(task.id, open_store(load())).set_parameter("lr", 0.2)
        print(task.get_parameter("lr"), task.get_parameters())
        """
    )
    assert (ran.status, ran.lines) == (0, ["0.2 {'General/lr': 0.2}"]), ran.errors


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("task.connect(parser, 'Other')", "The arguments of a parser are the section Args"),
        ("task.connect(parser, None, True)", "and an agent's run takes the task's"),
        ("task.close(); task.connect({})", "connect came after close()"),
        ("task.close(); task.connect_configuration({})", "connect_configuration came after"),
    ],
)
def test_a_wrong_call_in_a_script_is_answered_with_a_sentence(
    scripts: Scripts, line: str, error: str
) -> None:
    ran = scripts.run(
        f"""
        import argparse
        parser = argparse.ArgumentParser()
        task = Task.init("examples", "my task")
        {line}
        """
    )
    assert ran.status == 1
    assert error in ran.last_error


def test_a_parser_that_parsed_before_is_recorded_when_it_is_connected(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--batch", type=int, default=8)
        parser.parse_args([])
        task = Task.init("examples", "my task", auto_connect_arg_parser=False)
        print(task.get_parameters(), task.connect(parser) is parser, task.get_parameters())
        """
    )
    assert (ran.status, ran.lines) == (0, ["{} True {'Args/batch': 8}"]), ran.errors


def test_models_are_connected_as_models(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(
        """
        from elsewhere import InputModel, OutputModel
        Path("net.pt").write_bytes(b"x")
        task = Task.init("examples", "my task")
        made = OutputModel(task, name="made")
        given = InputModel.import_model(str(Path("net.pt").resolve()), name="given")
        print(task.connect(made, "out") is made, task.connect(given, "in") is given)
        print(task.get_parameters())
        """
    )
    assert (ran.status, ran.lines) == (0, ["True True", "{}"]), ran.errors
    (task_id,) = find(store)
    uses = {use.name: use.is_output for use in store.task_models(task_id)}
    assert uses == {"out": True, "in": False}
