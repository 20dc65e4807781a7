"""click: what commands get is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from elsewhere.core.events import Event
from elsewhere.core.records import Parameter
from elsewhere.hooks.registry import PARSERS
from tests.sdk.hooks.command_lines import Task, watched_anew
from tests.sdk.hooks.parsers.click_commands import (
    Decorate,
    chained,
    command,
    deploy,
    double,
    option,
    remote,
    run,
)
from tests.sdk.hooks.whole_way import WholeWay

attach = PARSERS["click"].attach


@pytest.fixture(autouse=True)
def stop_watching() -> Iterator[Callable[[], None]]:
    with watched_anew() as stop:
        yield stop


@pytest.mark.parametrize(
    ("decorate", "argv", "value", "type_name"),
    [
        (option("--x", type=int), "--x 5", 5, "int"),
        (option("--x", default=1), "", 1, "int"),
        (option("--x", type=int), "", None, "int"),
        (option("--x", default=0.5), "", 0.5, "float"),
        (option("--x"), "", None, "str"),
        (option("--x"), "--x 5", "5", "str"),
        (option("--x", default=""), "", "", "str"),
        (option("--x", type=bool, default=False), "", False, "bool"),
        (option("--x", is_flag=True), "", False, "bool"),
        (option("--x", is_flag=True), "--x", True, "bool"),
        (option("--x/--no-x", default=True), "--no-x", False, "bool"),
        (option("--x/--no-x", default=None), "", None, "bool"),
        (option("-x", count=True), "-xxx", 3, "int"),
        (option("-x", count=True), "", 0, "int"),
        (option("--x", multiple=True), "--x a --x b", ["a", "b"], "tuple"),
        (option("--x", multiple=True), "", [], "tuple"),
        (option("--x", nargs=2, type=float), "--x 1 2", [1.0, 2.0], "tuple"),
        (option("--x", nargs=2, type=float), "", None, "tuple"),
        (option("--x", type=(str, int), multiple=True), "--x a 1", [["a", 1]], "tuple"),
        (option("--x", type=click.Choice(["a", "b"])), "--x a", "a", "str"),
        (option("--x", type=click.IntRange(0, 9)), "--x 3", 3, "int"),
        (option("--x", type=click.Path()), "--x a/b", "a/b", "str"),
        (option("--x", type=click.Path(path_type=Path)), "--x a/b", "a/b", "Path"),
        (option("--x", type=click.File()), f"--x {__file__}", __file__, "filename"),
        (option("--x", type=click.File("w")), "--x -", "-", "filename"),
        (option("--x", type=click.DateTime()), "--x 2020-05-06", "2020-05-06", "datetime"),
        (option("--x", type=click.UUID), f"--x {'0' * 32}", "0" * 32, "uuid"),
        (option("--x", type=json.loads), '--x {"a":1}', {"a": 1}, "dict"),
        (option("--x", type=int, callback=double), "--x 5", 5, "int"),
        (option("--x", type=int, expose_value=False), "--x 5", 5, "int"),
        (option("--fast", "x", flag_value="fast", default=True), "", "fast", "str"),
        (click.argument("x", type=int), "5", 5, "int"),
        (click.argument("x", nargs=-1), "a b", ["a", "b"], "tuple"),
    ],
)
def test_an_option_is_recorded_with_its_type(
    decorate: Decorate, argv: str, value: object, type_name: str
) -> None:
    task = Task()
    attach(task)
    run(command(decorate), argv)
    (parameter,) = task.parameters.values()
    assert (parameter.value, parameter.type) == (value, type_name)
    assert type(parameter.value) is type(value)
    assert list(task.parameters) == ["Args/x"]


def test_the_help_is_the_description_and_all_options_are_one_event() -> None:
    task = Task()
    attach(task)
    one = command(
        option("--lr", default=0.1, help="The rate."),
        option("--seed", default=1),
        click.version_option("1"),
    )
    run(one)
    assert {name: item.description for name, item in task.parameters.items()} == {
        "Args/lr": "The rate.",
        "Args/seed": "",
    }
    assert len(task.events) == 1


def test_options_of_one_name_are_one_parameter() -> None:
    task = Task()
    attach(task)
    one = command(
        option("--fast", "mode", flag_value="fast", default=True),
        option("--slow", "mode", flag_value="slow"),
    )
    assert run(one) == {"mode": "fast"}
    assert task.values == {"Args/mode": "fast"}
    assert run(one, "--slow") == {"mode": "slow"}
    assert task.values == {"Args/mode": "slow"}
    assert remote(one, "--fast", mode="slow") == {"mode": "slow"}


def test_parsed_before_the_task_is_recorded_when_the_task_comes() -> None:
    run(command(option("--lr", default=0.1)))
    task = Task()
    attach(task)
    assert task.values == {"Args/lr": 0.1}


def test_a_value_comes_from_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_LR", "0.5")
    one = command(option("--lr", default=0.1, envvar="TRAIN_LR"))
    task = Task()
    attach(task)
    run(one)
    assert task.values == {"Args/lr": 0.5}
    assert task.parameters["Args/lr"].is_edit  # the variable does not travel, and no word has it
    assert remote(one, lr=0.7) == {"lr": 0.7}


def test_an_answer_is_recorded_as_it_was_given() -> None:
    task = Task()
    attach(task)
    one = command(option("--x", type=int, prompt=True, callback=double))
    CliRunner().invoke(one, input="five\n5\n")
    assert task.values == {"Args/x": 5}


def test_a_secret_is_hidden_and_never_overridden() -> None:
    task = Task()
    attach(task)
    one = command(
        option("--api-key", default="hunter2"),
        option("--pin", type=int, prompt=True, hide_input=True),
        option("--max-tokens", default=5),
    )
    run(one, "--pin 1234")
    assert task.values == {"Args/api_key": "***", "Args/pin": "***", "Args/max_tokens": 5}
    assert "hunter2" not in str(task.events)
    assert "1234" not in str(task.events)
    got = remote(one, "--api-key s3cret --pin 1234", api_key="***", pin="***")
    assert (got["api_key"], got["pin"]) == ("s3cret", 1234)


def test_a_secret_that_only_a_prompt_gives_ends_the_process(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = command(option("--password", prompt=True, hide_input=True))
    with pytest.raises(SystemExit) as ended:
        remote(one, password="***")
    assert ended.value.code == 2
    assert "Parameter 'Args/password' is a secret" in capsys.readouterr().err


def test_a_failing_record_does_not_fail_the_program(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Task):
        def record(self, event: Event) -> None:
            raise OSError("disk full")

    attach(Broken())
    assert run(command(option("--lr", default=0.1))) == {"lr": 0.1}
    assert "The arguments of train.py are not recorded." in caplog.text


def test_what_a_callback_invokes_is_not_taken_for_the_option() -> None:
    other = command(option("--n", default=7))

    def invoke(context: click.Context, _option: click.Parameter, value: int) -> int:
        context.invoke(other)
        return value

    task = Task()
    attach(task)
    run(command(option("--x", type=int, callback=invoke)), "--x 5")
    assert task.values == {"Args/x": 5}


def test_the_sub_commands_are_parameters_and_those_that_run_have_theirs() -> None:
    task = Task()
    attach(task)
    assert run(deploy(), "train resnet --lr 0.2") == ("train", {"model": "resnet", "lr": 0.2})
    assert task.values == {
        "Args/verbose": False,
        "Args/train": True,
        "Args/data": False,
        "Args/train/model": "resnet",
        "Args/train/lr": 0.2,
    }
    assert task.parameters["Args/train"] == Parameter(
        value=True, type="bool", description="Trains."
    )
    nested = Task()
    detach = attach(nested)
    run(deploy(), "data get --n 2")
    detach()
    assert nested.values | {"Args/data": True, "Args/data/get": True} == nested.values
    assert nested.values["Args/data/put"] is False
    assert nested.values["Args/data/get/n"] == 2


def test_the_commands_of_a_chain_are_recorded_and_chosen() -> None:
    task = Task()
    detach = attach(task)
    done = run(chained(), "test --n 2 some build all")
    assert done == [("test", {"n": 2, "files": "some"}), ("build", {"n": 1, "files": "all"})]
    detach()
    assert task.values == {
        "Args/clean": False,
        "Args/build": True,
        "Args/test": True,
        "Args/test/n": 2,
        "Args/test/files": "some",
        "Args/build/n": 1,
        "Args/build/files": "all",
    }
    argv = "test --n 2 some build all"
    flags = {"test": False, "build": True, "clean": True, "clean__n": 9}
    assert remote(chained(), argv, **flags) == [
        ("build", {"n": 1, "files": "all"}),
        ("clean", {"n": 9, "files": "all"}),
    ]
    assert remote(chained(), argv, test=True, build=True, clean=False) == done
    assert remote(chained(), argv, test=False, build=False) == []


SCRIPT = """
    import click
    from elsewhere import Task

    @click.group()
    @click.option("--seed", default=1, help="Of all.")
    def cli(seed):
        print("seed", repr(seed))

    @cli.command()
    @click.option("--lr", default=0.1)
    @click.option("--name", prompt=True)
    @click.option("--layers", multiple=True, type=int)
    def train(**got):
        task = Task.init("examples", "my task")
        print(sorted(got.items()))

    @cli.command()
    @click.option("--data", required=True, type=click.Choice(["a", "b"]))
    def test(**got):
        print("test", got)

    cli()
"""


def test_the_whole_way_of_a_script(tmp_path: Path, redis_url: str) -> None:
    way = WholeWay(SCRIPT, tmp_path, redis_url)
    ran, recorded = way.here("train", "--layers", "1", "--layers", "2", stdin="ada\n")
    assert ran.status == 0, ran.errors
    assert recorded == {
        "Args/seed": Parameter(value=1, type="int", description="Of all."),
        "Args/train": Parameter(value=True, type="bool"),
        "Args/test": Parameter(value=False, type="bool"),
        "Args/train/lr": Parameter(value=0.1, type="float"),
        "Args/train/name": Parameter(value="ada", type="str", is_edit=True),
        "Args/train/layers": Parameter(value=[1, 2], type="tuple"),
    }
    argv = ("train", "--layers", "1", "--layers", "2")
    same = way.there(*argv, recorded=recorded)
    assert same.lines == ["seed 1", "[('layers', (1, 2)), ('lr', 0.1), ('name', 'ada')]"]
    changed = way.there(*argv, recorded=recorded, Args__seed="2", Args__train__lr="1e-3")
    assert changed.lines == ["seed 2", "[('layers', (1, 2)), ('lr', 0.001), ('name', 'ada')]"]
    other: dict[str, Any] = {"Args__train": False, "Args__test": True, "Args__test__data": "b"}
    assert way.there(*argv, recorded=recorded, **other).lines == ["seed 1", "test {'data': 'b'}"]
    wrong = way.there(*argv, recorded=recorded, **other | {"Args__test__data": "c"})
    assert wrong.status == 2
    why = "Parameter 'Args/test/data' cannot be 'c': 'c' is not one of 'a', 'b'."
    assert wrong.last_error == f"train.py: error: {why}"
