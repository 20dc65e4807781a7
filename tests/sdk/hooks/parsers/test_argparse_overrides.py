"""argparse: a remote run's parameters are what its parsers return."""

from __future__ import annotations

import argparse
import json
import threading
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from elsewhere.core.records import Parameter
from elsewhere.hooks.registry import PARSERS
from tests.sdk.hooks.command_lines import (
    Build,
    Color,
    Task,
    build,
    command_line,
    remote,
    watched_anew,
    with_commands,
)

attach = PARSERS["argparse"].attach
watch = PARSERS["argparse"].watch


@pytest.fixture(autouse=True)
def stop_watching() -> Iterator[Callable[[], None]]:
    with watched_anew() as stop:
        yield stop


class Opaque:
    """A value that only its own process knows."""


@pytest.mark.parametrize(
    ("add", "argv", "override", "wanted"),
    [
        (lambda p: p.add_argument("--x", type=int, default=1), "", "5", 5),
        (lambda p: p.add_argument("--x", type=int, default=1), "", 5, 5),
        (lambda p: p.add_argument("--x", type=int, default=1), "--x 3", 5.0, 5),
        (lambda p: p.add_argument("--x", type=int, default=1), "", None, None),
        (lambda p: p.add_argument("--x", type=int), "", "", None),
        (lambda p: p.add_argument("--x", type=float, default=1), "", "1e-3", 0.001),
        (lambda p: p.add_argument("--x", type=float, default=0.1), "--x 0.2", 1, 1.0),
        (lambda p: p.add_argument("--x", type=float, default=1), "", 1, 1),
        (lambda p: p.add_argument("--x", default=1), "", "0.5", 0.5),
        (lambda p: p.add_argument("--x"), "", "5", "5"),
        (lambda p: p.add_argument("--x", type=str), "", "None", "None"),
        (lambda p: p.add_argument("--x", type=str, default="a"), "", "", ""),
        (lambda p: p.add_argument("--x", type=str), "", 5, "5"),
        (lambda p: p.add_argument("--x", type=bool, default=True), "", "False", False),
        (lambda p: p.add_argument("--x", action="store_true"), "", "True", True),
        (lambda p: p.add_argument("--x", action="store_true"), "--x", False, False),
        (lambda p: p.add_argument("--x", action="store_false"), "", "no", False),
        (lambda p: p.add_argument("--x", action=BooleanOptionalAction), "--x", "False", False),
        (lambda p: p.add_argument("--x", action=BooleanOptionalAction), "--no-x", 1, True),
        (lambda p: p.add_argument("-x", action="count", default=0), "-x", "3", 3),
        (lambda p: p.add_argument("--x", nargs="+", type=int), "--x 1", "[1, 2]", [1, 2]),
        (lambda p: p.add_argument("--x", nargs="+", type=int), "--x 1", [1, "2"], [1, 2]),
        (lambda p: p.add_argument("--x", nargs="*"), "", ["a"], ["a"]),
        (lambda p: p.add_argument("--x", nargs=2, type=float), "", [1, 2], [1.0, 2.0]),
        (lambda p: p.add_argument("--x", nargs="?", type=int), "", "4", 4),
        (lambda p: p.add_argument("--x", action="append", type=int), "--x 1", "[2, 3]", [2, 3]),
        (lambda p: p.add_argument("--x", action="append", nargs=2), "", [["a", "b"]], [["a", "b"]]),
        (lambda p: p.add_argument("--x", action="extend", nargs="+"), "", ["a", "b"], ["a", "b"]),
        (lambda p: p.add_argument("--x", action="append_const", const=1), "", [1, 1], [1, 1]),
        (lambda p: p.add_argument("--x", action="store_const", const=7), "", "7", 7),
        (lambda p: p.add_argument("--x", type=lambda text: text * 2), "", "ab", "abab"),
        (lambda p: p.add_argument("--x", type=json.loads), "", {"a": 1}, {"a": 1}),
        (lambda p: p.add_argument("--x", type=Path), "--x a", "b/c", Path("b/c")),
        (lambda p: p.add_argument("--x", type=Color), "--x r", "BLUE", Color.BLUE),
        (lambda p: p.add_argument("--x", type=Color, default=Color.RED), "", "b", Color.BLUE),
        (lambda p: p.add_argument("--x", type=complex), "--x 1j", "2j", 2j),
        (lambda p: p.add_argument("--x", choices=["a", "b"], default="a"), "", "b", "b"),
        (lambda p: p.add_argument("--x", choices=[1, 2], type=int), "", "2", 2),
        (lambda p: p.add_argument("--x", required=True, type=int), "", "2", 2),
        (lambda p: p.add_argument("x", type=int), "", "2", 2),
        (lambda p: p.add_argument("x", nargs="+", type=int), "", [2], [2]),
        (lambda p: p.add_argument("x"), "a", "b", "b"),
        (lambda p: p.add_argument("--x", default=argparse.SUPPRESS), "", "a", "a"),
    ],
)
def test_an_override_is_cast_as_if_it_were_typed(
    add: Build, argv: str, override: object, wanted: object
) -> None:
    value = remote(build(add), argv, x=override).x
    assert value == wanted
    assert type(value) is type(wanted)


@pytest.mark.parametrize(
    ("add", "override", "accepted"),
    [
        (lambda p: p.add_argument("--x", type=int, default=1), "0.5", "a whole number"),
        (lambda p: p.add_argument("--x", type=int, default=1), "", "empty"),
        (lambda p: p.add_argument("--x", type=float), "fast", "a number"),
        (lambda p: p.add_argument("--x", type=bool), "maybe", "true or false"),
        (lambda p: p.add_argument("--x", action="store_true"), "maybe", "true or false"),
        (lambda p: p.add_argument("--x", action=BooleanOptionalAction), 5, "true or false"),
        (lambda p: p.add_argument("-x", action="count"), "many", "a whole number"),
        (lambda p: p.add_argument("--x", choices=["a", "b"]), "c", "choose from"),
        (lambda p: p.add_argument("--x", nargs="+", choices=["a", "b"]), ["c"], "choose from"),
        (lambda p: p.add_argument("--x", nargs="+", type=int), ["c"], "a whole number"),
        (lambda p: p.add_argument("--x", nargs="+"), [], "one value or more"),
        (lambda p: p.add_argument("--x", nargs=2), ["c"], "it takes 2"),
        (lambda p: p.add_argument("--x", action="store_const", const=7), "8", "it takes one of 7"),
        (lambda p: p.add_argument("--x", type=Color), "g", "invalid Color value"),
        (lambda p: p.add_argument("--x", type=json.loads), "{", "invalid loads value"),
    ],
)
def test_an_override_that_does_not_fit_ends_the_process(
    add: Build, override: object, accepted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        remote(build(add), "", x=override)
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith("train.py: error: Parameter 'Args/x' cannot be ")
    assert accepted in printed
    assert printed.count("\n") == 1


def test_an_unchanged_parameter_leaves_what_was_parsed() -> None:
    default = Opaque()
    parser = build(
        lambda p: p.add_argument("--x", default=default),
        lambda p: p.add_argument("--file", type=open),
        lambda p: p.add_argument("--pad", default="<pad>"),
        lambda p: p.add_argument("--items", nargs="*", type=lambda _: Opaque(), default=[default]),
    )
    task = Task()
    detach = attach(task)
    parser.parse_args(["--file", __file__]).file.close()
    detach()
    other = f"<tests.Opaque object at {id(task):#x}>"  # as another process recorded it
    recorded = task.parameters | {
        "Args/x": Parameter(value=other, type="Opaque"),
        "Args/items": Parameter(value=[other], type="list"),
    }
    attach(Task(recorded))
    parsed = parser.parse_args(["--file", __file__, "--pad", "<pad>"])
    assert parsed.file.name == __file__
    parsed.file.close()
    assert parsed.x is default
    assert parsed.items == [default]


def test_arguments_that_neither_side_gives_are_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = build(
        lambda p: p.add_argument("--given", required=True),
        lambda p: p.add_argument("--missing", required=True),
    )
    with pytest.raises(SystemExit):
        remote(parser, "", given="a")
    assert capsys.readouterr().err.endswith("required: --missing\n")
    with pytest.raises(SystemExit):  # and the parser is as strict as before
        parser.parse_args(["--missing", "b"])
    assert capsys.readouterr().err.endswith("required: --given\n")


def test_a_required_group_is_satisfied_by_an_override() -> None:
    parser = build()
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--small", action="store_true")
    group.add_argument("--size", type=int)
    assert remote(parser, "", size="3") == argparse.Namespace(small=False, size=3)


def test_two_options_with_one_dest_are_one_parameter() -> None:
    parser = build(
        lambda p: p.add_argument("--fast", dest="mode", action="store_const", const="fast"),
        lambda p: p.add_argument("--slow", dest="mode", action="store_const", const="slow"),
        lambda p: p.add_argument("--debug", dest="level", action="store_const", const=10),
        lambda p: p.add_argument("--level", type=int, default=20),
    )
    parsed = remote(parser, "--fast --debug", mode="slow", level="30")
    assert (parsed.mode, parsed.level) == ("slow", 30)


def test_unknown_parsers_and_parameters_go_on_and_new_arguments_are_recorded() -> None:
    task = Task({"Args/gone": 1, "General/lr": 9, "Args/lr": 0.5})
    attach(task)
    parser = build(
        lambda p: p.add_argument("--lr", type=float, default=0.1),
        lambda p: p.add_argument("--new", type=int, default=3),
    )
    assert parser.parse_args([]) == argparse.Namespace(lr=0.5, new=3)
    assert task.values == {"Args/new": 3}


@pytest.mark.parametrize("dest", ["command", None])
@pytest.mark.parametrize("argv", ["--seed 2 train resnet --lr 0.3", "--seed 2", "--seed 2 test"])
def test_another_sub_command_is_parsed_in_its_place(argv: str, dest: str | None) -> None:
    parsed = remote(build(lambda p: with_commands(p, dest)), argv, command="test", data="d", lr=0.7)
    wanted = {"seed": 2, "data": "d", "lr": 0.7} | ({"command": "test"} if dest else {})
    assert vars(parsed) == wanted


def test_arguments_of_the_same_sub_command_are_overridden() -> None:
    parser = build(with_commands)
    parsed = remote(parser, "train resnet --lr 0.3", command="train", lr="1e-2")
    assert vars(parsed) == {"seed": 1, "command": "train", "model": "resnet", "lr": 0.01}


def test_an_unknown_sub_command_ends_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in ("train resnet", ""):
        with pytest.raises(SystemExit) as ended:
            remote(build(with_commands), argv, command="tset")
        assert ended.value.code == 2
        printed = capsys.readouterr().err
        assert "Parameter 'Args/command' cannot be 'tset'." in printed
        assert "Did you mean 'test'? Known: test, train." in printed


def test_nested_sub_commands_are_overridden() -> None:
    def nested(parser: ArgumentParser) -> None:
        outer = parser.add_subparsers(dest="outer")
        inner = outer.add_parser("data").add_subparsers(dest="inner")
        inner.add_parser("get").add_argument("--n", type=int, default=1)
        inner.add_parser("put").add_argument("--m", type=int, default=2)

    parsed = remote(build(nested), "data get --n 5", outer="data", inner="put", m=7)
    assert vars(parsed) == {"outer": "data", "inner": "put", "m": 7}


def test_intermixed_arguments_are_overridden() -> None:
    parser = build(
        lambda p: p.add_argument("--lr", type=float, required=True),
        lambda p: p.add_argument("files", nargs="*", type=int),
    )
    detach = attach(Task({"Args/lr": 0.5, "Args/files": ["2", "3"]}))
    with command_line("1"):
        assert parser.parse_intermixed_args() == argparse.Namespace(lr=0.5, files=[2, 3])
    detach()


def test_overrides_are_there_before_the_task_is(stop_watching: Callable[[], None]) -> None:
    stop_watching()
    task = Task({"Args/lr": 0.5})
    stop = watch(task.overrides)
    try:
        parser = build(
            lambda p: p.add_argument("--lr", type=float, default=0.1),
            lambda p: p.add_argument("--new", type=int, default=3),
        )
        assert parser.parse_args([]).lr == 0.5
        attach(task)
        assert task.values == {"Args/new": 3}
    finally:
        stop()


def test_two_threads_parse_without_seeing_each_other() -> None:
    attach(Task({"Args/y": Parameter(value=2, is_edit=True, is_explicit=True)}))
    inside, go_on = threading.Event(), threading.Event()

    def wait(text: str) -> int:
        inside.set()
        assert go_on.wait(30)
        return int(text)

    parser = build(
        lambda p: p.add_argument("--x", type=wait),
        lambda p: p.add_argument("--y", type=int),
        lambda p: p.add_argument("--z", type=int),
    )
    slow: list[object] = []
    thread = threading.Thread(target=lambda: slow.append(parser.parse_args(["--x", "5"]).y))
    thread.start()
    assert inside.wait(30)
    assert parser.parse_args(["--z", "1"]).y == 2
    go_on.set()
    thread.join(30)
    assert slow == [2]
