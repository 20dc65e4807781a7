"""click: a remote run's parameters are what its commands get."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import click
import pytest

from elsewhere.core.params import to_parameter
from elsewhere.hooks.registry import PARSERS, watch
from tests.sdk.hooks.command_lines import Color, Task, watched_anew
from tests.sdk.hooks.parsers.click_commands import (
    Decorate,
    command,
    deploy,
    double,
    option,
    remote,
    run,
)

attach = PARSERS["click"].attach


@pytest.fixture(autouse=True)
def stop_watching() -> Iterator[Callable[[], None]]:
    with watched_anew() as stop:
        yield stop


NEW = "2020-05-06 00:00:00"


@pytest.mark.parametrize("argv", ["data get --n 5", "data put --m 1", "--verbose", ""])
def test_another_sub_command_runs_in_its_place(argv: str) -> None:
    flags = {"data": False, "train": True, "train__model": "vgg"}
    assert remote(deploy(), argv, **flags) == ("train", {"model": "vgg", "lr": 0.1})
    nested = {"data": True, "data__put": True, "data__get": False, "data__put__m": "3"}
    assert remote(deploy(), argv, **nested) == ("put", {"m": 3})


def test_two_sub_commands_at_once_end_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        remote(deploy(), "train a", train=True, data=True)
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert "Parameters 'Args/data' and 'Args/train' cannot be true at once" in printed


@pytest.mark.parametrize(
    ("decorate", "argv", "override", "wanted"),
    [
        (option("--x", type=int), "", "5", 5),
        (option("--x", type=int), "--x 3", 5.0, 5),
        (option("--x", default=1), "", None, None),
        (option("--x", type=int), "--x 3", "", None),
        (option("--x", type=float), "--x 3", "1e-3", 0.001),
        (option("--x"), "", 5, "5"),
        (option("--x", default="a"), "", "", ""),
        (option("--x", is_flag=True), "", "True", True),
        (option("--x", is_flag=True), "--x", False, False),
        (option("--x/--no-x", default=True), "--x", "no", False),
        (option("-x", count=True), "-x", "3", 3),
        (option("--x", multiple=True, type=int), "--x 1", "[2, 3]", (2, 3)),
        (option("--x", multiple=True), "--x 1", [], ()),
        (option("--x", nargs=2, type=float), "", [1, 2], (1.0, 2.0)),
        (option("--x", type=(str, int)), "--x a 1", ["b", 2], ("b", 2)),
        (option("--x", type=(str, int), multiple=True), "", [["b", 2]], (("b", 2),)),
        (option("--x", type=click.Choice(["a", "b"])), "--x a", "b", "b"),
        (option("--x", type=click.Path(path_type=Path)), "--x a", "b", Path("b")),
        (option("--x", type=click.DateTime()), "", NEW, datetime.fromisoformat(NEW)),
        (option("--x", type=lambda text: text * 2), "", "ab", "abab"),
        (option("--x", type=json.loads), "", {"a": 1}, {"a": 1}),
        (option("--x", type=int, callback=double), "--x 5", 6, 12),
        (option("--x", type=int, callback=double), "--x 5", 5, 10),
        (option("--x", required=True, type=int), "", 2, 2),
        (option("--x", prompt=True, default="a"), "", "b", "b"),
        (option("--x", prompt=True, default="a"), "", "a", "a"),
        (option("--x", prompt=True, type=int), "", 3, 3),
        (option("--x", prompt=True, is_flag=True), "", True, True),
        (option("--fast", "x", flag_value="fast"), "", "fast", "fast"),
        (option("--fast", "x", flag_value=7, type=int), "", "7", 7),
        (click.argument("x", type=int), "", "2", 2),
        (click.argument("x", nargs=-1, type=int), "1", [2, 3], (2, 3)),
    ],
)
def test_an_override_is_as_if_it_were_typed(
    decorate: Decorate, argv: str, override: object, wanted: object
) -> None:
    value = remote(command(decorate), argv, x=override)["x"]
    assert value == wanted
    assert type(value) is type(wanted)


@pytest.mark.parametrize(
    ("decorate", "override", "accepted"),
    [
        (option("--x", type=int), "0.5", "a whole number"),
        (option("--x", default=1), "", "empty"),
        (option("--x", type=float), "fast", "a number"),
        (option("--x", is_flag=True), "maybe", "true or false"),
        (option("-x", count=True), "many", "a whole number"),
        (option("--x", type=click.Choice(["a", "b"])), "c", "'c' is not one of 'a', 'b'"),
        (option("--x", type=click.Choice(["a"]), multiple=True), ["c"], "is not"),
        (option("--x", type=click.IntRange(0, 9)), 10, "0<=x<=9"),
        (option("--x", type=click.Path(exists=True)), "gone", "does not exist"),
        (option("--x", type=click.File()), "gone", "No such file"),
        (option("--x", nargs=2), ["c"], "Takes 2 values"),
        (option("--x", type=(str, int)), ["c"], "it takes 2"),
        (option("--x", multiple=True), "c", "a list such as"),
        (option("--fast", "x", flag_value="fast"), "slow", "it takes one of fast"),
    ],
)
def test_an_override_that_does_not_fit_ends_the_process(
    decorate: Decorate, override: object, accepted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        remote(command(decorate), "", x=override)
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith("train.py: error: Parameter 'Args/x' cannot be ")
    assert accepted in printed
    assert printed.count("\n") == 1


def test_a_wrong_command_line_is_clicks_own_matter() -> None:
    one = command(option("--x", type=int), option("--y", type=int))
    with pytest.raises(click.BadParameter):
        remote(one, "--x a", y=5)
    with pytest.raises(click.MissingParameter):
        remote(command(option("--x", required=True)), "", y=5)


def test_an_unchanged_parameter_leaves_what_was_parsed() -> None:
    default = object()
    one = command(
        option("--x", type=click.UNPROCESSED, default=default),
        option("--file", type=click.File()),
        option("--color", type=click.UNPROCESSED, default=Color.RED),
    )
    task = Task()
    detach = attach(task)
    run(one, f"--file {__file__}")
    detach()
    other = to_parameter(f"<object object at {id(task):#x}>", type_name="object")
    recorded = {name.removeprefix("Args/"): item for name, item in task.parameters.items()}
    got = remote(one, f"--file {__file__}", **recorded | {"x": other})
    assert (got["x"], got["file"].name, got["color"]) == (default, __file__, Color.RED)


def test_no_help_is_shown_in_place_of_a_run_with_overrides() -> None:
    one = command(option("--x", type=int), no_args_is_help=True)
    assert remote(one, x=5) == {"x": 5}
    assert one.no_args_is_help


def test_overrides_are_there_before_the_task_is_and_gone_after_it(
    stop_watching: Callable[[], None],
) -> None:
    stop_watching()
    task = Task({"Args/lr": 0.5})
    stop = watch(task.overrides)
    one = command(option("--lr", default=0.1), option("--new", default=3))
    assert run(one) == {"lr": 0.5, "new": 3}
    attach(task)
    assert task.values == {"Args/new": 3}
    stop()
    assert run(one) == {"lr": 0.1, "new": 3}
    assert not hasattr(click.Option.consume_value, "__wrapped__")
    assert "consume_value" not in vars(click.Argument)
