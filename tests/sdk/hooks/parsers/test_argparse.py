"""argparse: what parsers return is recorded."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import textwrap
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from elsewhere.core.events import Event
from elsewhere.hooks import registry
from elsewhere.hooks.registry import PARSERS
from tests.sdk.hooks.command_lines import (
    Build,
    Color,
    Task,
    as_run,
    build,
    remote,
    watched_anew,
    with_commands,
)

attach = PARSERS["argparse"].attach


@pytest.fixture(autouse=True)
def stop_watching() -> Iterator[Callable[[], None]]:
    with watched_anew() as stop:
        yield stop


@pytest.mark.parametrize(
    ("add", "argv", "value", "type_name"),
    [
        (lambda p: p.add_argument("--x", type=int, default=1), "", 1, "int"),
        (lambda p: p.add_argument("--x", type=int, default=1), "--x 5", 5, "int"),
        (lambda p: p.add_argument("--x", type=float, default=1), "", 1, "float"),
        (lambda p: p.add_argument("--x", type=int), "", None, "int"),
        (lambda p: p.add_argument("--x"), "", None, "NoneType"),
        (lambda p: p.add_argument("--x"), "--x 5", "5", "str"),
        (lambda p: p.add_argument("--x", default=0.5), "", 0.5, "float"),
        (lambda p: p.add_argument("x"), "a", "a", "str"),
        (lambda p: p.add_argument("x", nargs="?", default="b"), "", "b", "str"),
        (lambda p: p.add_argument("x", nargs="+", type=int), "1 2", [1, 2], "list"),
        (lambda p: p.add_argument("--x", nargs=2), "--x 1 2", ["1", "2"], "list"),
        (lambda p: p.add_argument("--x", nargs="*"), "", None, "list"),
        (lambda p: p.add_argument("--x", action="append"), "--x a --x b", ["a", "b"], "list"),
        (lambda p: p.add_argument("--x", action="store_true"), "", False, "bool"),
        (lambda p: p.add_argument("--x", action="store_false"), "--x", False, "bool"),
        (lambda p: p.add_argument("-x", action="count"), "-xx", 2, "int"),
        (lambda p: p.add_argument("-x", action="count"), "", None, "int"),
        (lambda p: p.add_argument("--x", action=BooleanOptionalAction), "--no-x", False, "bool"),
        (lambda p: p.add_argument("--x", action=BooleanOptionalAction), "", None, "bool"),
        (lambda p: p.add_argument("--x", type=json.loads), '--x {"a":1}', {"a": 1}, "loads"),
        (lambda p: p.add_argument("--x", type=Path), "--x a/b", "a/b", "Path"),
        (lambda p: p.add_argument("--x", type=Color), "--x b", "BLUE", "Color"),
        (lambda p: p.add_argument("--x", type=complex), "--x 1j", "1j", "complex"),
        (lambda p: p.add_argument("--x", type=complex, nargs=1), "--x 1j", ["1j"], "list"),
        (lambda p: p.add_argument("--x", const=7, action="store_const"), "--x", 7, "int"),
        (lambda p: p.add_argument("--db-password", dest="password"), "", None, "NoneType"),
    ],
)
def test_an_argument_is_recorded_with_its_type(
    add: Build, argv: str, value: object, type_name: str
) -> None:
    task = Task()
    attach(task)
    build(add).parse_args(argv.split())
    (parameter,) = task.parameters.values()
    assert (parameter.value, parameter.type) == (value, type_name)
    assert type(parameter.value) is type(value)
    assert list(task.parameters) in (["Args/x"], ["Args/password"])


def test_the_help_is_the_description() -> None:
    task = Task()
    attach(task)
    parser = build(
        lambda p: p.add_argument("--lr", default=0.1, help="the rate (default: %(default)s)"),
        lambda p: p.add_argument("--part", default="1", help="100% of %(missing)s"),
        lambda p: p.add_argument("--inner", help=argparse.SUPPRESS),
    )
    parser.parse_args([])
    described = {name: parameter.description for name, parameter in task.parameters.items()}
    assert described == {
        "Args/lr": "the rate (default: 0.1)",
        "Args/part": "100% of %(missing)s",
        "Args/inner": "",
    }


def test_parsed_before_the_task_is_recorded_when_the_task_comes() -> None:
    def parse() -> None:  # its parser is gone when the task comes
        build(lambda p: p.add_argument("--lr", type=float, default=0.1)).parse_args([])

    parse()
    task = Task()
    attach(task)
    assert task.values == {"Args/lr": 0.1}
    again = Task()
    attach(again)
    assert again.values == {"Args/lr": 0.1}


def test_incremental_parsing_is_merged_and_recorded_once() -> None:
    task = Task()
    attach(task)
    parser = build(lambda p: p.add_argument("--model", default="a"))
    known, _ = parser.parse_known_args(["--model", "b", "--depth", "3"])
    parser.add_argument("--depth", type=int)
    assert parser.parse_args(["--model", "b", "--depth", "3"]) == argparse.Namespace(
        model="b", depth=3
    )
    assert known.model == "b"
    assert task.values == {"Args/model": "b", "Args/depth": 3}
    assert len(task.events) == 2
    parser.parse_args(["--model", "b", "--depth", "3"])
    assert len(task.events) == 2


def test_intermixed_arguments_are_recorded() -> None:
    task = Task()
    attach(task)
    parser = build(
        lambda p: p.add_argument("--lr", type=float),
        lambda p: p.add_argument("files", nargs="*"),
    )
    parser.parse_intermixed_args(["a", "--lr", "0.5", "b"])
    assert task.values == {"Args/lr": 0.5, "Args/files": ["a", "b"]}


def test_a_sub_command_and_its_arguments_are_recorded_flat() -> None:
    task = Task()
    attach(task)
    build(with_commands).parse_args(["train", "resnet", "--lr", "0.2"])
    assert task.values == {
        "Args/seed": 1,
        "Args/command": "train",
        "Args/model": "resnet",
        "Args/lr": 0.2,
    }


def test_a_sub_command_without_a_dest_has_a_name_all_the_same() -> None:
    task = Task()
    attach(task)
    build(lambda p: with_commands(p, None)).parse_args(["train", "resnet"])
    assert task.values["Args/command"] == "train"


def test_a_secret_is_hidden_and_never_overridden() -> None:
    task = Task()
    attach(task)
    adds: list[Build] = [
        lambda p: p.add_argument("--api-key", default="hunter2", help="or %(default)s"),
        lambda p: p.add_argument("--max-tokens", type=int, default=5),
    ]
    assert build(*adds).parse_args([]).api_key == "hunter2"
    assert task.values == {"Args/api_key": "***", "Args/max_tokens": 5}
    assert "hunter2" not in str(task.events)
    assert remote(build(*adds), "--api-key s3cret", api_key="***").api_key == "s3cret"


def test_what_an_older_record_has_hidden_overrides_nothing() -> None:
    add = build(lambda p: p.add_argument("--placeholder_token", default="<cat>"))
    assert remote(add, "", placeholder_token="***").placeholder_token == "<cat>"


def test_a_secret_that_the_program_made_an_object_of_is_hidden_too() -> None:
    task = Task()
    attach(task)
    build(lambda p: p.add_argument("--api-key", type=Path)).parse_args(["--api-key", "s3cret"])
    assert task.values == {"Args/api_key": "***"}


def test_after_the_task_is_closed_nothing_is_recorded_or_overridden() -> None:
    task = Task({"Args/lr": 0.5})
    detach = registry.attach(as_run(task))
    detach()
    parser = build(lambda p: p.add_argument("--lr", type=float, default=0.1))
    assert parser.parse_args([]).lr == 0.1
    assert task.events == []


def test_only_enabled_hooks_are_attached() -> None:
    task = Task()
    detach = registry.attach(as_run(task), enabled=())
    build(lambda p: p.add_argument("--lr", default=0.1)).parse_args([])
    detach()
    assert task.events == []


def test_the_parser_is_as_it_was_when_nobody_watches(
    stop_watching: Callable[[], None],
) -> None:
    assert hasattr(ArgumentParser.parse_known_args, "__wrapped__")
    stop_watching()
    assert not hasattr(ArgumentParser.parse_known_args, "__wrapped__")
    assert not hasattr(argparse._SubParsersAction.__call__, "__wrapped__")
    task = Task()
    detach = attach(task)  # watches by itself
    build(lambda p: p.add_argument("--lr", default=0.1)).parse_args([])
    detach()
    assert task.values == {"Args/lr": 0.1}
    assert not hasattr(ArgumentParser.parse_known_args, "__wrapped__")


def test_a_failing_record_does_not_fail_the_program(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Task):
        def record(self, event: Event) -> None:
            raise OSError("disk full")

    attach(Broken())
    assert build(lambda p: p.add_argument("--lr", default=0.1)).parse_args([]).lr == 0.1
    assert "The arguments of train.py are not recorded." in caplog.text
    assert "disk full" in caplog.text


def test_argparse_is_not_imported_for_the_hook_but_watched_when_it_is() -> None:
    program = """
        import sys
        from elsewhere.core.events import Parameters
        from elsewhere.hooks.registry import PARSERS
        from elsewhere.core.records import Parameter
        record = {"Args/lr": Parameter(value=0.5, is_edit=True)}
        stop = PARSERS["argparse"].watch(lambda: record)
        print("argparse" in sys.modules)
        from argparse import ArgumentParser
        parser = ArgumentParser()
        parser.add_argument("--lr", type=float, default=0.1)
        print(parser.parse_args().lr)
        stop()
        print(parser.parse_args().lr)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), "--lr", "0.2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.stderr == ""
    assert ran.stdout.split() == ["False", "0.5", "0.2"]
