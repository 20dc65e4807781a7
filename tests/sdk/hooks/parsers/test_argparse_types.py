"""argparse: values that the program's own functions make of texts are edited by texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from elsewhere.command.main import main
from elsewhere.core.records import Parameter
from elsewhere.hooks.registry import PARSERS
from elsewhere.store.redis.store import RedisStore
from tests.sdk.hooks.command_lines import Build, Task, build, command_line, remote, watched_anew
from tests.stores import make_record

attach = PARSERS["argparse"].attach


@pytest.fixture(autouse=True)
def stop_watching() -> Iterator[Callable[[], None]]:
    with watched_anew() as stop:
        yield stop


def words(text: str) -> list[str]:
    return text.split(",")


def pair(text: str) -> dict[str, str]:
    return dict([text.split("=")])


def size(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("x")))


def add(**given: Any) -> Build:
    return lambda p: p.add_argument("--x", **given)


@pytest.mark.parametrize(
    ("adds", "argv", "recorded", "text", "wanted"),
    [
        (add(type=words), "--x a,b", "words", "c,d", ["c", "d"]),
        (add(type=words, default=["a"]), "", "words", "7", ["7"]),
        (add(type=lambda s: s.split(":")), "--x 1:2", "<lambda>", "3:4", ["3", "4"]),
        (add(type=pair, default={}), "", "pair", "k=v", {"k": "v"}),
        (add(type=pair), "", "pair", "k=v", {"k": "v"}),
        (add(type=size, default=(1, 2)), "", "size", "3x4", (3, 4)),
        (add(type=Fraction, default=Fraction(1, 3)), "", "Fraction", "2/3", Fraction(2, 3)),
        (add(type=list), "--x ab", "list(text)", "cd", ["c", "d"]),
        (add(nargs="+", type=int, default=1), "", "list", "[5, 6]", [5, 6]),
        (add(nargs="+", type=int, default=1), "", "list", "7", [7]),
        (add(type=float, default=0), "", "float", "0.25", 0.25),
        (add(), "", "NoneType", "5", "5"),
        (add(nargs="*", default="a"), "", "list", "b", ["b"]),
    ],
)
def test_the_text_of_a_clone_goes_through_the_programs_own_function(
    adds: Build,
    argv: str,
    recorded: str,
    text: str,
    wanted: object,
    redis_url: str,
    store: RedisStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    task = Task()
    attach(task)
    with command_line(*argv.split()):
        build(adds).parse_args()
    assert task.parameters["Args/x"].type == recorded
    record = make_record(parameters=task.parameters, has_marked_edits=True)
    store.create(record)
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    assert main(["clone", record.id, "--set", f"Args/x={text}"]) == 0
    clone = store.read(re.findall(r"[0-9a-f]{32}", capsys.readouterr().out)[-1])
    assert remote(build(adds), argv, x=clone.parameters["Args/x"]).x == wanted


def test_what_a_function_makes_can_be_given_itself() -> None:
    given = Parameter(value=[3, 4], type="list", is_edit=True)
    assert remote(build(add(type=size, default=(1, 2))), "", x=given).x == (3, 4)
    assert remote(build(add(type=words)), "", x=given).x == [3, 4]


def test_a_text_that_the_function_refuses_ends_the_program(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as ended:
        remote(build(add(type=size, default=(1, 2))), "", x="3xb")
    assert ended.value.code == 2
    assert "Parameter 'Args/x' cannot be '3xb'" in capsys.readouterr().err
