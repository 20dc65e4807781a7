"""absl flags: what a program defines is recorded, and a remote run's parameters are its flags."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from absl import flags

from elsewhere.core.params import to_parameter
from elsewhere.core.records import Parameter
from elsewhere.hooks.registry import PARSERS, watch
from tests.sdk.hooks.command_lines import Color, Task, command_line, watched_anew
from tests.sdk.hooks.whole_way import WholeWay

attach = PARSERS["absl"].attach


@pytest.fixture(autouse=True)
def stop_watching() -> Iterator[Callable[[], None]]:
    with watched_anew() as stop:
        yield stop


Define = Callable[[flags.FlagValues], object]


class DateParser(flags.ArgumentParser[datetime]):
    def parse(self, argument: Any) -> datetime:
        return datetime.fromisoformat(argument)

    def flag_type(self) -> str:
        return "date"


class DateSerializer(flags.ArgumentSerializer[datetime]):
    def serialize(self, value: datetime) -> str:
        return value.isoformat()


def define_date(values: flags.FlagValues, default: str | None) -> object:
    return flags.DEFINE(
        DateParser(), "x", default, "", serializer=DateSerializer(), flag_values=values
    )


def parse(argv: str, *defines: Define) -> flags.FlagValues:
    values = flags.FlagValues()  # type: ignore[no-untyped-call]
    for define in defines:
        define(values)
    with command_line(*argv.split()):
        values(sys.argv)
    return values


def remote(argv: str, *defines: Define, **overrides: object) -> flags.FlagValues:
    """The flags of a remote run with these overrides of `TF_DEFINE/...`."""
    detach = attach(Task({f"TF_DEFINE/{name}": value for name, value in overrides.items()}))
    try:
        return parse(argv, *defines)
    finally:
        detach()


def integer(values: flags.FlagValues, default: int | None = 1, **given: Any) -> object:
    return flags.DEFINE_integer("x", default, "How many.", flag_values=values, **given)


def required(values: flags.FlagValues) -> object:
    return flags.DEFINE_integer("x", None, "", flag_values=values, required=True)


@pytest.mark.parametrize(
    ("define", "argv", "value", "type_name"),
    [
        (integer, "--x 5", 5, "int"),
        (lambda v: integer(v, None), "", None, "int"),
        (lambda v: flags.DEFINE_float("x", 1, "", flag_values=v), "", 1.0, "float"),
        (lambda v: flags.DEFINE_string("x", None, "", flag_values=v), "", None, "str"),
        (lambda v: flags.DEFINE_string("x", "", "", flag_values=v), "", "", "str"),
        (lambda v: flags.DEFINE_string("x", "a", "", flag_values=v), "--x 5", "5", "str"),
        (lambda v: flags.DEFINE_boolean("x", False, "", flag_values=v), "", False, "bool"),
        (lambda v: flags.DEFINE_boolean("x", True, "", flag_values=v), "--nox", False, "bool"),
        (lambda v: flags.DEFINE_boolean("x", None, "", flag_values=v), "", None, "bool"),
        (lambda v: flags.DEFINE_enum("x", "a", ["a", "b"], "", flag_values=v), "", "a", "str"),
        (
            lambda v: flags.DEFINE_enum_class("x", Color.RED, Color, "", flag_values=v),
            "--x blue",
            "BLUE",
            "Color",
        ),
        (lambda v: flags.DEFINE_list("x", "a,b", "", flag_values=v), "", ["a", "b"], "list"),
        (lambda v: flags.DEFINE_list("x", None, "", flag_values=v), "", None, "list"),
        (
            lambda v: flags.DEFINE_spaceseplist("x", "a b", "", flag_values=v),
            "",
            ["a", "b"],
            "list",
        ),
        (
            lambda v: flags.DEFINE_multi_integer("x", [1], "", flag_values=v),
            "--x 2 --x 3",
            [2, 3],
            "list",
        ),
        (
            lambda v: flags.DEFINE_multi_enum_class("x", [Color.RED], Color, "", flag_values=v),
            "",
            ["RED"],
            "list",
        ),
        (lambda v: define_date(v, "2020-05-06"), "", "2020-05-06T00:00:00", "date"),
    ],
)
def test_a_flag_is_recorded_with_its_type(
    define: Define, argv: str, value: object, type_name: str
) -> None:
    task = Task()
    attach(task)
    parse(argv, define)
    assert list(task.parameters) == ["TF_DEFINE/x"]
    (parameter,) = task.parameters.values()
    assert (parameter.value, parameter.type) == (value, type_name)
    assert type(parameter.value) is type(value)


def test_the_help_is_the_description_and_an_alias_is_not_a_flag() -> None:
    def alias(values: flags.FlagValues) -> object:
        return flags.DEFINE_alias("y", "x", flag_values=values)

    def other(values: flags.FlagValues) -> object:
        return flags.DEFINE_string("z", None, None, flag_values=values)

    task = Task()
    attach(task)
    parse("--y 5", integer, alias, other)
    assert task.parameters == {
        "TF_DEFINE/x": Parameter(value=5, type="int", description="How many."),
        "TF_DEFINE/z": Parameter(value=None, type="str"),
    }
    assert len(task.events) == 1


def test_parsed_before_the_task_is_recorded_when_the_task_comes() -> None:
    parse("--x 7", integer)
    task = Task()
    attach(task)
    assert task.values == {"TF_DEFINE/x": 7}


def test_flags_that_are_defined_later_are_merged() -> None:
    task = Task()
    attach(task)
    values = parse("--x 7", integer)
    flags.DEFINE_string("later", "a", "", flag_values=values)
    values(["train.py", "--later", "b"])
    assert task.values == {"TF_DEFINE/x": 7, "TF_DEFINE/later": "b"}


def test_a_secret_is_hidden_and_never_overridden() -> None:
    def define(values: flags.FlagValues) -> None:
        flags.DEFINE_string("api_key", "hunter2", "", flag_values=values)
        flags.DEFINE_integer("max_tokens", 5, "", flag_values=values)

    task = Task()
    detach = attach(task)
    parse("", define)
    detach()
    assert task.values == {"TF_DEFINE/api_key": "***", "TF_DEFINE/max_tokens": 5}
    assert "hunter2" not in str(task.events)
    assert remote("--api_key s3cret", define, api_key="***").api_key == "s3cret"


@pytest.mark.parametrize(
    ("define", "argv", "override", "wanted"),
    [
        (integer, "", "5", 5),
        (integer, "--x 3", 5.0, 5),
        (integer, "--x 3", "0x10", 16),
        (integer, "", None, None),
        (lambda v: integer(v, None), "--x 3", "", None),
        (required, "", 5, 5),
        (lambda v: flags.DEFINE_float("x", 1, "", flag_values=v), "", "1e-3", 0.001),
        (lambda v: flags.DEFINE_float("x", 0.1, "", flag_values=v), "", 1, 1.0),
        (lambda v: flags.DEFINE_string("x", None, "", flag_values=v), "", 5, "5"),
        (lambda v: flags.DEFINE_string("x", "a", "", flag_values=v), "--x b", "", ""),
        (lambda v: flags.DEFINE_boolean("x", False, "", flag_values=v), "", "yes", True),
        (lambda v: flags.DEFINE_boolean("x", True, "", flag_values=v), "--x", False, False),
        (lambda v: flags.DEFINE_enum("x", "a", ["a", "b"], "", flag_values=v), "", "b", "b"),
        (
            lambda v: flags.DEFINE_enum_class("x", Color.RED, Color, "", flag_values=v),
            "",
            "BLUE",
            Color.BLUE,
        ),
        (lambda v: flags.DEFINE_list("x", "a", "", flag_values=v), "", "b,c", ["b", "c"]),
        (lambda v: flags.DEFINE_list("x", "a", "", flag_values=v), "--x c", '["b"]', ["b"]),
        (lambda v: flags.DEFINE_list("x", "a", "", flag_values=v), "", ["b", 1], ["b", "1"]),
        (
            lambda v: flags.DEFINE_multi_integer("x", [1], "", flag_values=v),
            "--x 4",
            [2, "3"],
            [2, 3],
        ),
        (lambda v: define_date(v, None), "", "2020-05-06", datetime.fromisoformat("2020-05-06")),
    ],
)
def test_an_override_is_as_if_it_were_typed(
    define: Define, argv: str, override: object, wanted: object
) -> None:
    values = remote(argv, define, x=override)
    assert values.x == wanted
    assert type(values.x) is type(wanted)
    assert not values["x"].using_default_value


def even(values: flags.FlagValues) -> None:
    integer(values, 2)
    flags.register_validator(  # type: ignore[no-untyped-call]
        "x", lambda x: x % 2 == 0, "it must be even", flag_values=values
    )


@pytest.mark.parametrize(
    ("define", "override", "accepted"),
    [
        (integer, "0.5", "invalid literal"),
        (integer, 0.5, "a whole number"),
        (integer, "", "empty"),
        (lambda v: integer(v, lower_bound=0, upper_bound=9), 10, "[0, 9]"),
        (required, None, "must have a value other than None"),
        (even, 3, "it must be even"),
        (lambda v: flags.DEFINE_float("x", 1, "", flag_values=v), "fast", "could not convert"),
        (lambda v: flags.DEFINE_boolean("x", 1, "", flag_values=v), "maybe", "true or false"),
        (lambda v: flags.DEFINE_enum("x", "a", ["a", "b"], "", flag_values=v), "c", "<a|b>"),
        (lambda v: flags.DEFINE_multi_integer("x", [1], "", flag_values=v), ["c"], "invalid"),
        (lambda v: flags.DEFINE_multi_integer("x", [1], "", flag_values=v), "c", "a list such as"),
    ],
)
def test_an_override_that_does_not_fit_ends_the_process(
    define: Define, override: object, accepted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        remote("--x 2" if define is required else "", define, x=override)
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert ": error: Parameter 'TF_DEFINE/x' cannot be " in printed
    assert accepted in printed
    assert printed.count("\n") == 1


def test_a_wrong_command_line_is_absls_own_matter() -> None:
    with pytest.raises(flags.IllegalFlagValueError, match="x=a"):
        remote("--x a", integer, x=5)
    with pytest.raises(flags.IllegalFlagValueError, match="must have a value"):
        remote("", required, y=5)


def test_an_unchanged_parameter_leaves_what_was_parsed() -> None:
    def define(values: flags.FlagValues) -> None:
        define_date(values, None)
        flags.DEFINE_float("y", 0.5, "", flag_values=values)

    other = to_parameter("2020-05-06T00:00:00", type_name="date")
    values = remote("--x 2020-05-06", define, x=other, y=0.5)
    assert values.x == datetime.fromisoformat("2020-05-06")
    assert values["x"].present == 1
    assert values["y"].using_default_value


def test_overrides_are_there_before_the_task_is_and_gone_after_it(
    stop_watching: Callable[[], None],
) -> None:
    stop_watching()
    task = Task({"TF_DEFINE/x": 5})
    stop = watch(task.overrides)
    assert parse("", integer).x == 5
    attach(task)
    assert task.values == {}
    stop()
    assert parse("", integer).x == 1
    assert not hasattr(flags.FlagValues.validate_all_flags, "__wrapped__")


SCRIPT = """
    from absl import app, flags
    from elsewhere import Task

    flags.DEFINE_float("lr", 0.1, "The rate.")
    flags.DEFINE_enum("mode", "train", ["train", "test"], "Of all.")
    flags.DEFINE_list("layers", ["1"], "")
    flags.DEFINE_string("name", None, "", required=True)

    def main(argv):
        task = Task.init("examples", "my task")
        given = flags.FLAGS
        print(argv[1:], given.lr, given.mode, given.layers, given.name)

    app.run(main)
"""


def test_the_whole_way_of_a_script(tmp_path: Path, redis_url: str) -> None:
    way = WholeWay(SCRIPT, tmp_path, redis_url)
    argv = ("--name=ada", "--layers=1,2", "--verbosity=1", "more")
    ran, recorded = way.here(*argv)
    assert ran.status == 0, ran.errors
    assert recorded == {
        "TF_DEFINE/lr": Parameter(value=0.1, type="float", description="The rate."),
        "TF_DEFINE/mode": Parameter(value="train", type="str", description="<train|test>: Of all."),
        "TF_DEFINE/layers": Parameter(value=["1", "2"], type="list"),
        "TF_DEFINE/name": Parameter(value="ada", type="str"),
    }
    same = way.there(*argv, recorded=recorded)
    assert same.lines == ["['more'] 0.1 train ['1', '2'] ada"]
    changed: dict[str, Any] = {
        "TF_DEFINE__lr": "1e-3",
        "TF_DEFINE__mode": "test",
        "TF_DEFINE__layers": "[3]",
    }
    there = way.there(*argv, recorded=recorded, **changed)
    assert there.lines == ["['more'] 0.001 test ['3'] ada"]
    wrong = way.there(*argv, recorded=recorded, TF_DEFINE__mode="rest")
    assert wrong.status == 2
    why = "Parameter 'TF_DEFINE/mode' cannot be 'rest': value should be one of <train|test>."
    assert wrong.last_error == f"train.py: error: {why}"
