"""Python Fire: what it calls with is recorded, and a remote run's parameters are what it calls
with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fire
import pytest
from fire.decorators import SetParseFn

from elsewhere.core.params import to_parameter
from elsewhere.core.records import Parameter
from elsewhere.hooks.registry import PARSERS, watch
from tests.sdk.hooks.command_lines import Task, command_line, watched_anew
from tests.sdk.hooks.whole_way import WholeWay

attach = PARSERS["fire"].attach


@pytest.fixture(autouse=True)
def stop_watching() -> Iterator[Callable[[], None]]:
    with watched_anew() as stop:
        yield stop


def run(component: object, argv: str = "") -> Any:
    with command_line(*argv.split()):
        return fire.Fire(component, name="train.py", serialize=lambda _: None)


def remote(component: object, argv: str = "", **overrides: object) -> Any:
    """What comes of it on a remote run with these overrides of `Args/...`, `__` for `/` and `_0_`
    for a point."""
    named = {
        f"Args/{name.replace('__', '/').replace('_0_', '.')}": value
        for name, value in overrides.items()
    }
    detach = attach(Task(named))
    try:
        return run(component, argv)
    finally:
        detach()


def function(x: Any = 1) -> Any:
    return ("got", x)


def required(x: Any, y: Any = 2) -> Any:
    return ("got", x, y)


def several(first: Any, *rest: Any, last: Any = None, **others: Any) -> Any:
    return ("got", first, rest, last, others)


def numbers(x: Any, y: Any = None) -> Any:
    return ("got", x, y)


parsed: Callable[..., Any] = SetParseFn(float, "x")(numbers)


class Trainer:
    """Trains."""

    def __init__(self, lr: float = 0.1) -> None:
        self.lr = lr
        self.data = Data()

    def train(self, steps: int, *, dry: bool = False) -> tuple[Any, ...]:
        """Trains a model.

        Args:
            steps: How many.
        """
        return "train", self.lr, steps, dry

    def test(self, name: str = "a") -> tuple[Any, ...]:
        return "test", self.lr, name


class Data:
    def get(self, n: int = 1) -> tuple[Any, ...]:
        return "get", n

    def put(self, n: int = 1) -> tuple[Any, ...]:
        return "put", n

    def opened(self, mode: str = "r") -> Data:
        assert mode in ("r", "w")
        return self


@pytest.mark.parametrize(
    ("argv", "value", "type_name"),
    [
        ("", 1, "int"),
        ("5", 5, "int"),
        ("--x 0.5", 0.5, "float"),
        ("--x=a/b", "a/b", "str"),
        ("--x", True, "bool"),
        ("--nox", False, "bool"),
        ("--x None", None, "NoneType"),
        ("[1,a]", [1, "a"], "list"),
        ("(1,2)", [1, 2], "tuple"),
        ("{a:1}", {"a": 1}, "dict"),
        ("1j", "1j", "complex"),
    ],
)
def test_an_argument_is_recorded_with_the_type_that_fire_gives(
    argv: str, value: object, type_name: str
) -> None:
    task = Task()
    attach(task)
    run(function, argv)
    assert list(task.parameters) == ["Args/x"]
    (parameter,) = task.parameters.values()
    assert (parameter.value, parameter.type) == (value, type_name)
    assert type(parameter.value) is type(value)


def test_all_kinds_of_arguments_are_recorded_but_not_the_flags_of_fire() -> None:
    task = Task()
    attach(task)
    assert run(several, "1 2 b --more=3 -- --verbose") == ("got", 1, (2, "b"), None, {"more": 3})
    assert task.values == {
        "Args/first": 1,
        "Args/rest": [2, "b"],
        "Args/last": None,
        "Args/more": 3,
    }


def test_a_command_and_its_neighbours_are_recorded_with_their_summaries() -> None:
    task = Task()
    attach(task)
    assert run(Trainer, "--lr 0.2 train --steps 5") == ("train", 0.2, 5, False)
    assert task.parameters == {
        "Args/lr": Parameter(value=0.2, type="float"),
        "Args/train": Parameter(value=True, type="bool", description="Trains a model."),
        "Args/test": Parameter(value=False, type="bool"),
        "Args/train/steps": Parameter(value=5, type="int", description="How many."),
        "Args/train/dry": Parameter(value=False, type="bool"),
    }


def test_nested_commands_have_their_path() -> None:
    task = Task()
    detach = attach(task)
    run(Trainer, "data get 5")
    detach()
    assert task.values["Args/data.get"] is True
    assert task.values["Args/data.put"] is False
    assert task.values["Args/data.get/n"] == 5
    again = Task()
    attach(again)
    run({"all": {"run": function, "stop": function}}, "all run")
    assert again.values["Args/all.run"] is True
    assert again.values["Args/all.stop"] is False
    assert again.values["Args/all.run/x"] == 1


def test_parsed_before_the_task_is_recorded_when_the_task_comes() -> None:
    run(function, "7")
    task = Task()
    attach(task)
    assert task.values == {"Args/x": 7}


def test_a_secret_is_hidden_and_never_overridden() -> None:
    def login(api_key: str, max_tokens: int = 5) -> tuple[Any, ...]:
        return "got", api_key, max_tokens

    task = Task()
    detach = attach(task)
    run(login, "hunter2")
    detach()
    assert task.values == {"Args/api_key": "***", "Args/max_tokens": 5}
    assert "hunter2" not in str(task.events)
    assert remote(login, "hunter2", api_key="***", max_tokens=6) == ("got", "hunter2", 6)
    with pytest.raises(SystemExit):
        remote(login, "", api_key="***")


@pytest.mark.parametrize(
    ("default", "argv", "override", "wanted"),
    [
        (1, "", "5", 5),
        (1, "3", 5, 5),
        (1, "", "0.5", 0.5),
        (1, "", None, None),
        (0.1, "--x 3", "1e-3", 0.001),
        (0.1, "", 1, 1.0),
        ("a", "--x b", "5", "5"),
        ("a", "", "", ""),
        (None, "", "5", 5),
        (None, "", "a/b", "a/b"),
        (None, "", "", None),
        (None, "", [1, 2], [1, 2]),
        (False, "", "yes", True),
        (True, "--x", False, False),
        ([1], "", "[2, 3]", [2, 3]),
        ((1,), "", [2, 3], (2, 3)),
        ({}, "", {"a": 1}, {"a": 1}),
    ],
)
def test_an_override_is_cast_as_the_default_is(
    default: object, argv: str, override: object, wanted: object
) -> None:
    def program(x: Any = default) -> Any:
        return ("got", x)

    _, value = remote(program, argv, x=override)
    assert value == wanted
    assert type(value) is type(wanted)


@pytest.mark.parametrize(
    ("default", "override", "accepted"),
    [
        (1, "fast", "a number"),
        (1, "", "empty"),
        (0.1, "fast", "a number"),
        (False, "maybe", "true or false"),
        ([1], "c", "a list such as"),
    ],
)
def test_an_override_that_does_not_fit_ends_the_process(
    default: object, override: object, accepted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def program(x: Any = default) -> Any:
        return ("got", x)

    with pytest.raises(SystemExit) as ended:
        remote(program, "", x=override)
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith("train.py: error: Parameter 'Args/x' cannot be ")
    assert accepted in printed
    assert printed.count("\n") == 1


def test_a_parse_function_of_the_program_reads_the_override(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert remote(parsed, "1", x="2", y=3) == ("got", 2.0, 3)
    with pytest.raises(SystemExit) as ended:
        remote(parsed, "1", x="fast")
    assert ended.value.code == 2
    assert "'Args/x' cannot be 'fast': could not convert" in capsys.readouterr().err


@pytest.mark.parametrize("argv", ["", "5", "--x 5", "--y 7"])
def test_arguments_that_the_overrides_give_are_not_missing(argv: str) -> None:
    y = 7 if "y" in argv else 2
    assert remote(required, argv, x="6") == ("got", 6, y)
    assert remote(required, argv, x=6, y=8) == ("got", 6, 8)


def test_arguments_that_neither_side_gives_are_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        remote(required, "", y=8)
    assert ended.value.code == 2
    assert "no value for the required argument: x" in capsys.readouterr().err


def test_the_rest_and_others_are_overridden() -> None:
    changed = {"rest": [4], "last": 5, "more": 6, "new": 7}
    got = remote(several, "1 2 --more=3", **changed)
    assert got == ("got", 1, (4,), 5, {"more": 6, "new": 7})
    assert remote(several, "1 2 --last=3", last=3) == ("got", 1, (2,), 3, {})
    assert remote(several, "1 2", rest=None) == ("got", 1, (), None, {})


@pytest.mark.parametrize(
    "argv", ["--lr 0.2 train --steps 5", "--lr 0.2 train 5", "--lr 0.2 data get", "--lr 0.2"]
)
def test_another_command_runs_in_its_place(argv: str) -> None:
    changed = {"train": False, "test": True, "test__name": "b"}
    assert remote(Trainer, argv, **changed) == ("test", 0.2, "b")
    nested = {"train": False, "data_0_put": True, "data_0_put__n": "9"}
    assert remote(Trainer, argv, **nested) == ("put", 9)
    assert remote(Trainer(0.2), argv[9:], **changed) == ("test", 0.2, "b")


def test_the_same_command_keeps_its_arguments() -> None:
    changed = {"lr": "0.5", "train": True, "test": False, "train__dry": True}
    argv = "train --steps 5"
    assert remote(Trainer, argv, **changed) == ("train", 0.5, 5, True)
    group = {"big": Trainer, "small": Trainer}
    within = {"big_0_train": True, "big_0_train__steps": 6, "big__lr": 0.5}
    assert remote(group, f"big --lr 3 {argv}", **within) == ("train", 0.5, 6, False)
    assert remote(group, f"small {argv}", **within) == ("train", 0.5, 6, False)


def test_two_commands_at_once_end_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        remote(Trainer, "train 5", train=True, test=True)
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert "Parameters 'Args/test' and 'Args/train' cannot be true at once" in printed


@pytest.mark.parametrize(
    ("root", "chain"),
    [
        (Trainer, "data opened - get 5"),
        (Trainer, "data opened --mode r get 5"),
        (Trainer(), "data opened --mode r get 5"),
        (Trainer, "--lr 0.5 - data opened - get 5"),
    ],
)
def test_a_chain_of_calls_goes_on_as_it_was(root: object, chain: str) -> None:
    task = Task()
    detach = attach(task)
    assert run(root, chain) == ("get", 5)
    detach()
    flags = {name: value for name, value in task.values.items() if name.startswith("Args/data")}
    assert {name for name, value in flags.items() if value is True} == {
        "Args/data.opened",
        "Args/data.opened.get",
    }
    assert {name for name, value in flags.items() if value is False} == {
        "Args/data.get",
        "Args/data.put",
    }
    recorded = {
        name.removeprefix("Args/").replace("/", "__").replace(".", "_0_"): item
        for name, item in task.parameters.items()
    }
    assert remote(root, chain, **recorded) == ("get", 5)
    changed = recorded | {"data_0_opened_0_get__n": 6}
    assert remote(root, chain, **changed) == ("get", 6)


def test_an_unchanged_parameter_leaves_what_was_parsed() -> None:
    default = object()

    def program(x: Any = default, y: Any = 1) -> Any:
        return ("got", x, y)

    other = to_parameter(f"<object object at {id(program):#x}>", type_name="object")
    assert remote(program, "--y [1,2]", x=other, y=[1, 2]) == ("got", default, [1, 2])


def test_overrides_are_there_before_the_task_is_and_gone_after_it(
    stop_watching: Callable[[], None],
) -> None:
    stop_watching()
    task = Task({"Args/x": 5})
    stop = watch(task.overrides)
    assert run(required) == ("got", 5, 2)
    attach(task)
    assert task.values == {"Args/y": 2}
    stop()
    assert run(required, "1") == ("got", 1, 2)
    assert not hasattr(fire.core._Fire, "__wrapped__")


SCRIPT = """
    import fire
    from elsewhere import Task

    class Program:
        def __init__(self, seed=1):
            print("seed", repr(seed))

        def train(self, name, lr=0.1, layers=()):
            task = Task.init("examples", "my task")
            print(name, lr, layers)

        def test(self, fast=False):
            print("test", fast)

    fire.Fire(Program)
"""


def test_the_whole_way_of_a_script(tmp_path: Path, redis_url: str) -> None:
    way = WholeWay(SCRIPT, tmp_path, redis_url)
    ran, recorded = way.here("train", "ada", "--layers=[1,2]")
    assert ran.status == 0, ran.errors
    assert recorded == {
        "Args/seed": Parameter(value=1, type="int"),
        "Args/train": Parameter(value=True, type="bool"),
        "Args/test": Parameter(value=False, type="bool"),
        "Args/train/name": Parameter(value="ada", type="str"),
        "Args/train/lr": Parameter(value=0.1, type="float"),
        "Args/train/layers": Parameter(value=[1, 2], type="list"),
    }
    argv = ("train", "ada", "--layers=[1,2]")
    assert way.there(*argv, recorded=recorded).lines == ["seed 1", "ada 0.1 [1, 2]"]
    changed = way.there(*argv, recorded=recorded, Args__seed="2", Args__train__lr="1e-3")
    assert changed.lines == ["seed 2", "ada 0.001 [1, 2]"]
    other: dict[str, Any] = {"Args__train": False, "Args__test": True, "Args__test__fast": "yes"}
    assert way.there(*argv, recorded=recorded, **other).lines == ["seed 1", "test True"]
    wrong = way.there(*argv, recorded=recorded, **other | {"Args__test__fast": "c"})
    assert wrong.status == 2
    why = "Parameter 'Args/test/fast' cannot be 'c': it takes true or false (also yes, no, 1, 0)."
    assert wrong.last_error == f"train.py: error: {why}"
