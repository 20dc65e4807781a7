"""Configurations: kept to the byte, given back as what the program has, edited from outside."""

from __future__ import annotations

import copy
import json
import logging
import tempfile
from collections import OrderedDict
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from elsewhere import Task
from elsewhere.connect import connect_configuration, connect_labels
from elsewhere.core.choices import Status
from elsewhere.core.errors import TransitionError, UsageError
from elsewhere.core.records import Configuration
from elsewhere.store.redis.store import RedisStore
from tests.sdk.targets import RecordingTarget
from tests.stores import make_record


class Color(Enum):
    RED = 1
    BLUE = 2


def own() -> dict[Any, Any]:
    return {
        "value": 13.37,
        "dict": {"sub_value": "string", 1: "one"},
        "ints": [1, 2],
        "size": (2, 3),
        "color": Color.RED,
        "data": Path("a/b"),
        "nothing": None,
        "whole": 2.0,
    }


PLAIN = {
    "value": 13.37,
    "dict": {"sub_value": "string", "1": "one"},
    "ints": [1, 2],
    "size": [2, 3],
    "color": "RED",
    "data": "a/b",
    "nothing": None,
    "whole": 2.0,
}


# dicts and lists


def test_a_dict_is_kept_as_readable_json_and_its_writes_too() -> None:
    target = RecordingTarget()
    config = connect_configuration(own(), target, "net", "of the net")
    (found,) = target.recorded_configurations().values()
    assert (found.type, found.description) == ("dictionary", "of the net")
    assert json.loads(found.text) == PLAIN
    assert '\n  "value": 13.37,\n' in found.text
    assert config == own()
    config["dict"]["sub_value"] = "other"
    config["dict"].update(new={"a": (1,)})
    config["dict"]["new"]["b"] = 1
    wanted = PLAIN["dict"] | {"sub_value": "other", "new": {"a": [1], "b": 1}}  # type: ignore[operator]
    (found,) = target.recorded_configurations().values()
    assert json.loads(found.text) == PLAIN | {"dict": wanted}
    assert found.description == "of the net"


def test_a_dict_that_is_replaced_is_replaced_and_a_key_that_is_taken_out_stays() -> None:
    target = RecordingTarget()
    config = connect_configuration({"opt": {"name": "sgd", "k": 1}, "lr": 0.5}, target)
    assert config.pop("lr") == 0.5
    config["opt"] = {"name": "adam"}
    found = target.recorded_configurations()["General"]
    assert json.loads(found.text) == {"opt": {"name": "adam"}, "lr": 0.5}
    config["opt"].clear()
    config["new"] = OrderedDict()
    config["new"]["k"] = 1
    target.end()
    found = target.recorded_configurations()["General"]
    assert json.loads(found.text) == {"opt": {"name": "adam"}, "lr": 0.5, "new": {"k": 1}}


def test_what_changes_without_a_write_is_recorded_at_the_end() -> None:
    target = RecordingTarget()
    config = connect_configuration({"ints": [1], "mind": OrderedDict(a=1)}, target)
    target.recorded_configurations()
    target.end()
    assert target.events == []
    target = RecordingTarget()
    config = connect_configuration({"ints": [1], "mind": OrderedDict(a=1)}, target)
    config["ints"].append(2)
    config["mind"]["b"] = 2
    target.end()
    found = target.recorded_configurations()["General"]
    assert json.loads(found.text) == {"ints": [1, 2], "mind": {"a": 1, "b": 2}}


def test_a_list_is_recorded_now_and_at_the_end_and_stays_itself() -> None:
    target, layers = RecordingTarget(), [{"n": 1}]
    assert connect_configuration(layers, target, "layers") is layers
    found = target.recorded_configurations()["layers"]
    assert (json.loads(found.text), found.type) == ([{"n": 1}], "dictionary")
    layers[0]["n"] = 2
    layers.append({"n": 3})
    target.end()
    assert json.loads(target.recorded_configurations()["layers"].text) == [{"n": 2}, {"n": 3}]


def test_a_text_that_nobody_edited_gives_the_programs_own_values_back() -> None:
    local = RecordingTarget()
    connect_configuration(own(), local)
    text = local.recorded_configurations()["General"].text
    target, given = RecordingTarget(configurations={"General": text}), own()
    config = connect_configuration(given, target)
    assert repr(config.copy()) == repr(given) == repr(own())
    assert target.events == []


def test_the_tasks_text_fills_the_dict_in_place() -> None:
    edited = {
        **PLAIN,
        "dict": {"1": "uno", "new": [1]},
        "size": [4, 5],
        "color": "BLUE",
        "data": "c",
        "whole": 3,
        "ints": {"no": "list"},
    }
    del edited["value"]
    given = own()
    inner = given["dict"]
    target = RecordingTarget(configurations={"General": json.dumps(edited)})
    config = connect_configuration(given, target)
    wanted = own() | {
        "dict": {1: "uno", "new": [1]},
        "size": (4, 5),
        "color": Color.BLUE,
        "data": Path("c"),
        "whole": 3.0,
        "ints": {"no": "list"},
    }
    del wanted["value"]
    assert config == given == wanted
    assert given["dict"] is inner
    assert type(config["whole"]) is float
    assert target.events == []
    config["dict"]["new"] = 2
    found = json.loads(target.recorded_configurations()["General"].text)
    assert found == edited | {"dict": {"1": "uno", "new": 2}, "whole": 3.0}


def test_the_tasks_text_fills_the_list_in_place() -> None:
    target, layers = RecordingTarget(configurations={"layers": '["a", {"n": 1}]'}), [1, 2, 3]
    assert connect_configuration(layers, target, "layers") is layers
    assert layers == ["a", {"n": 1}]
    assert target.events == []


def test_a_dict_of_another_kind_stays_itself() -> None:
    target, given = RecordingTarget(configurations={"General": '{"a": 2}'}), OrderedDict(a=1, b=1)
    assert connect_configuration(given, target) is given
    assert given == {"a": 2}
    given["c"] = 3
    target.end()
    assert json.loads(target.recorded_configurations()["General"].text) == {"a": 2, "c": 3}


def test_what_the_task_does_not_have_is_the_programs_own_and_is_written_to_the_task(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\n")
    target = RecordingTarget(configurations={})
    assert connect_configuration({"a": 1}, target, "one", folder=tmp_path) == {"a": 1}
    assert connect_configuration(file, target, "two", folder=tmp_path) is file
    found = target.recorded_configurations()
    assert {name: item.type for name, item in found.items()} == {"one": "dictionary", "two": "yaml"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 1", "'net' of the task cannot be used: its text is not JSON"),
        ("[1]", "'net' of the task cannot be used: its text is a list, and the program has a dict"),
        ("", "its text is not JSON"),
        ("[" * 100_000, "its text is not JSON"),
    ],
)
def test_a_text_that_is_not_what_the_program_has_is_an_error(text: str, error: str) -> None:
    target, given = RecordingTarget(configurations={"net": text}), {"a": 1}
    with pytest.raises(UsageError, match=error):
        connect_configuration(given, target, "net")
    assert (given, target.events) == ({"a": 1}, [])


def test_what_json_cannot_hold_is_refused_at_first_and_left_out_with_a_warning_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    target = RecordingTarget()
    with pytest.raises(UsageError, match=r"'net' cannot be recorded\. A set cannot be"):
        connect_configuration({"a": {1}}, target, "net")
    assert target.events == []
    config = connect_configuration({"a": {"b": 1}}, target, "net")
    with caplog.at_level(logging.WARNING):
        config["a"].update(b={1}, c=2)
    assert "net/a/b is not recorded. A set cannot be a parameter." in caplog.text
    found = target.recorded_configurations()["net"]
    assert json.loads(found.text) == {"a": {"b": 1, "c": 2}}
    target.end()
    assert target.events == []


def test_a_copy_is_a_plain_dict() -> None:
    target = RecordingTarget()
    config = copy.deepcopy(connect_configuration({"a": {"b": 1}}, target))
    target.recorded_configurations()
    config["a"]["b"] = 2
    assert type(config) is dict
    assert target.events == []


# files


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_kept_to_the_byte_and_comes_back_as_a_file_of_its_name(
    tmp_path: Path, kind: type
) -> None:
    file = tmp_path / "net.v1.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\n\tb: \xc3\xa9 \x00\x0c")
    local = RecordingTarget()
    assert connect_configuration(kind(file), local, "net") == kind(file)
    found = local.recorded_configurations()["net"]
    assert (found.text.encode(), found.type) == (file.read_bytes(), "yaml")
    remote, folder = (
        RecordingTarget(configurations={"net": found.text}),
        tmp_path / "configurations",
    )
    for _ in range(2):
        path: Any = connect_configuration(
            kind(tmp_path / "gone" / file.name), remote, "net", folder=folder
        )
        assert type(path) is type(kind("x"))
        assert Path(path).name == file.name
        assert folder in Path(path).parents
        assert Path(path).read_bytes() == file.read_bytes()
    assert remote.events == []


@given(some.text())
@settings(max_examples=50, deadline=None)
def test_any_text_of_a_task_is_written_to_the_byte(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = RecordingTarget(configurations={"net": text})
        path = connect_configuration("a.conf", target, "net", folder=Path(folder))
        assert Path(path).read_bytes() == text.encode()


def test_a_file_without_a_suffix_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("x")
    target = RecordingTarget()
    connect_configuration(tmp_path / "conf", target)
    assert target.recorded_configurations()["General"].type == "file"


def test_what_is_not_a_text_file_is_refused(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"caf\xe9")
    large = tmp_path / "large.json"
    large.write_bytes(b"x" * (8 << 20))
    target = RecordingTarget()
    for configuration, error in [
        (latin, "it is not text in UTF-8 (unexpected end of data at byte 3)"),
        (tmp_path / "none.yaml", "No such file or directory. Give a text itself by"),
        (tmp_path, "Is a directory"),
        ("a\0b", "embedded null byte"),
        (large, "bytes and may have 8,388,608: upload it as an artifact."),
        (b"bytes", "The configuration 'net' cannot be a bytes: connect a dict, a list or"),
        (None, "cannot be a NoneType"),
    ]:
        with pytest.raises(UsageError) as refused:
            connect_configuration(configuration, target, "net")
        assert error in str(refused.value)
    assert target.events == []


# overrides that do not count


@pytest.mark.parametrize(
    ("flag", "is_ignoring", "is_own"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_the_tasks_text_can_be_ignored_and_its_flag_decides(
    tmp_path: Path, flag: object, is_ignoring: bool, is_own: bool
) -> None:
    name = "net/_ignore_remote_overrides_config_"
    target = RecordingTarget({} if flag is None else {name: flag}, {"net": '{"a": 2}'})
    config = connect_configuration({"a": 1}, target, "net", is_ignoring=is_ignoring)
    assert config == ({"a": 1} if is_own else {"a": 2})
    assert bool(target.recorded_configurations()) is is_own
    assert target.values() == ({name: True} if flag is None and is_ignoring else {})


# labels


def test_labels_are_recorded_or_those_of_the_task() -> None:
    target, labels = RecordingTarget(), {"cat": 1}
    assert connect_labels(labels, target, {"dog": 2}) is labels
    assert (labels, target.labels()) == ({"cat": 1}, {"cat": 1})
    target = RecordingTarget({})
    assert connect_labels(labels, target, {"dog": 2}) == labels == {"dog": 2}
    assert target.labels() is None
    assert connect_labels(labels, target, {}) == {"dog": 2}
    assert target.labels() == {"dog": 2}
    assert connect_labels({"cat": 1}, target, {"dog": 2}, is_ignoring=True) == {"cat": 1}
    assert target.labels() == {"cat": 1}
    assert target.values() == {"General/_ignore_remote_overrides_labels_": True}


@pytest.mark.parametrize("labels", [["cat"], {"cat": "1"}, {"cat": True}, {1: 1}, None])
def test_wrong_labels_are_refused(labels: Any) -> None:
    target = RecordingTarget()
    with pytest.raises(UsageError, match="Labels are"):
        connect_labels(labels, target, {})
    assert target.events == []


# a handle on another task


@pytest.fixture
def task(store: RedisStore) -> Task:
    record = make_record(configurations={"old": Configuration(text="a: 1", type="yaml")})
    store.create(record)
    return Task(record.id, store)


def test_configurations_of_another_task_are_set_read_and_deleted(
    task: Task, store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    task.set_configuration_object("net", config_dict={"a": (1, "é")}, description="why")
    task.set_configuration_object("text", "a = 1", config_type="hocon")
    task.set_configuration_object("old", "b: 2\r\n")
    assert task.get_configuration_objects() == {
        "net": '{\n  "a": [\n    1,\n    "é"\n  ]\n}',
        "text": "a = 1",
        "old": "b: 2\r\n",
    }
    kept = store.read(task.id).configurations
    assert (kept["net"].type, kept["net"].description) == ("dictionary", "why")
    assert (kept["text"].type, kept["old"].type) == ("hocon", "yaml")
    task.set_configuration_object("net", "{}")
    net = store.read(task.id).configurations["net"]
    assert net == Configuration(text="{}", description="why")
    assert task.delete_configuration_object("text")
    assert task.get_configuration_object("text") is None
    assert not task.delete_configuration_object("nett")
    assert "has no configuration 'nett'. Did you mean 'net'?" in caplog.text


def test_a_text_is_read_as_json_or_yaml(task: Task) -> None:
    assert task.get_configuration_object_as_dict("old") == {"a": 1}
    assert task.get_configuration_object_as_dict("none") is None
    for text, wanted in [('{"a": 1e3}', {"a": 1000.0}), ("- 1\n- b: 2", [1, {"b": 2}])]:
        task.set_configuration_object("net", text)
        assert task.get_configuration_object_as_dict("net") == wanted
    for text in ["a = {", "just words", "5", "a: [", "!!python/object:os.system {}"]:
        task.set_configuration_object("net", text)
        with pytest.raises(UsageError, match="'net' is neither a dictionary nor a list"):
            task.get_configuration_object_as_dict("net")


def test_configurations_are_changed_in_drafts_and_runs_only_unless_forced(
    task: Task, store: RedisStore
) -> None:
    store.move(task.id, Status.COMPLETED, allowed=set(Status))
    for edit in (
        lambda: task.set_configuration_object("net", "{}"),
        lambda: task.delete_configuration_object("old"),
        lambda: task.set_model_label_enumeration({"a": 1}),
        lambda: task.connect_configuration({"a": 1}),
    ):
        with pytest.raises(
            TransitionError, match=r"it is completed.*Clone it and change the clone\."
        ):
            edit()
    task.set_configuration_object("net", "{}", force=True)
    assert task.delete_configuration_object("old", force=True)
    assert task.get_configuration_objects() == {"net": "{}"}


def test_something_can_be_connected_to_another_task(task: Task, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("{}")
    config = task.connect_configuration({"a": 1}, "net")
    config["a"] = 2
    assert task.connect_configuration(file, "file") is file
    labels = {"cat": 1}
    assert task.connect_label_enumeration(labels) is labels
    assert json.loads(task.get_configuration_objects()["net"]) == {"a": 2}
    assert task.get_configuration_object("file") == "{}"
    assert task.get_labels_enumeration() == {"cat": 1}
    task.set_model_label_enumeration({"dog": 2})
    assert task.get_labels_enumeration() == {"dog": 2}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda t: t.set_configuration_object("a"), "set by config_text or by config_dict, one of"),
        (lambda t: t.set_configuration_object("a", "", config_dict={}), "one of them"),
        (
            lambda t: t.set_configuration_object("", "a"),
            "The name of a configuration cannot be empty",
        ),
        (lambda t: t.set_configuration_object("a", {}), "config_text must be a text, not {}"),
        (lambda t: t.set_configuration_object("a", "", 5), "description must be a text, not 5"),
        (lambda t: t.set_configuration_object("a", config_dict="x"), "must be a dict or a list"),
        (lambda t: t.set_configuration_object("a", config_dict={"b": {1}}), "A set cannot be"),
        (
            lambda t: t.set_configuration_object("a", "\ud800"),
            "'a' is not valid Unicode: 'utf-8' codec",
        ),
        (
            lambda t: t.get_configuration_object(None),
            "The name of a configuration must be a text, not None",
        ),
        (lambda t: t.connect_configuration({}, "", None), "connect_configuration takes a name"),
        (lambda t: t.connect_configuration({}, "a", 5), "A description must be a text, not 5"),
        (lambda t: t.set_model_label_enumeration([1]), "Labels are a dict such as"),
    ],
)
def test_a_wrong_call_is_answered_with_a_sentence(task: Task, call: Any, error: str) -> None:
    with pytest.raises(UsageError, match=error):
        call(task)
    assert task.get_configuration_objects() == {"old": "a: 1"}
