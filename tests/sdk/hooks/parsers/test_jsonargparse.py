"""jsonargparse: the leaves of what parsers return are recorded, and are a remote run's parameters.

`Cli` has the shape of LightningCLI, which brings a parser of its own class and sub-commands of the
methods of a trainer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonargparse import (  # type: ignore[attr-defined]
    ActionConfigFile,
    ArgumentParser,
    auto_cli,
)

from elsewhere.hooks.registry import PARSERS
from tests.sdk.hooks.command_lines import Color, Task, command_line, watched_anew
from tests.sdk.hooks.whole_way import WholeWay

attach = PARSERS["jsonargparse"].attach

#: `instantiate_classes` is what all versions have
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def stop_watching() -> Iterator[Callable[[], None]]:
    with watched_anew() as stop:
        yield stop


class Model:
    def __init__(self, lr: float = 0.1) -> None:
        self.lr = lr


class Deep(Model):
    def __init__(self, lr: float = 0.2, depth: int = 3) -> None:
        super().__init__(lr)
        self.depth = depth


@dataclass
class Data:
    """Data.

    Args:
        batch: How many at once.
    """

    batch: int = 8
    names: list[str] | None = None


class Trainer:
    def __init__(self, epochs: int = 1) -> None:
        self.epochs = epochs

    def fit(self, model: Model, steps: int, path: Path | None = None) -> Any:
        return "fit", self.epochs, model, steps, path

    def test(self, data: str) -> Any:
        return "test", self.epochs, data


class CliParser(ArgumentParser):
    """As LightningArgumentParser is."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.add_argument("--config", action=ActionConfigFile)


class Cli:
    def __init__(self, argv: str | None = None) -> None:
        parser = CliParser(prog="train.py")
        commands = parser.add_subcommands()
        fit = CliParser()
        fit.add_class_arguments(Trainer, "trainer")
        fit.add_subclass_arguments(Model, "model", default={"class_path": f"{__name__}.Model"})
        fit.add_method_arguments(Trainer, "fit", skip={"model"})
        commands.add_subcommand("fit", fit)
        test = CliParser()
        test.add_method_arguments(Trainer, "test")
        commands.add_subcommand("test", test)
        self.config = parser.parse_args(None if argv is None else argv.split())


def build() -> ArgumentParser:
    parser = ArgumentParser(prog="train.py")
    parser.add_argument("--config", action=ActionConfigFile)
    parser.add_argument("--opt.lr", type=float, default=1, help="the rate")
    parser.add_argument("--opt.name", default="sgd", choices=["sgd", "adam"])
    parser.add_argument("--seed", type=int | None)
    parser.add_argument("--color", type=Color, default=Color.RED)
    parser.add_argument("--sizes", type=dict[str, int], default={"a": 1})
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--db_password", type=str, default="hunter2")
    parser.add_argument("--model", type=Model)
    parser.add_class_arguments(Data, "data")
    parser.add_argument("--workers", type=int, default=0)
    parser.link_arguments("data.batch", "workers")
    return parser


def remote(parse: Callable[[], Any], *words: str, **overrides: object) -> Any:
    """What a remote run of these words with these edits parses; names have `__` for a point."""
    named = {f"Args/{name.replace('__', '.')}": value for name, value in overrides.items()}
    detach = attach(Task(named))
    try:
        with command_line(*words):
            return parse()
    finally:
        detach()


def test_each_leaf_is_recorded_with_its_type_and_nothing_twice() -> None:
    task = Task()
    PARSERS["argparse"].attach(task)
    attach(task)
    build().parse_args(["--model", f"{__name__}.Deep", "--model.depth", "7"])
    assert {name: (item.value, item.type) for name, item in task.parameters.items()} == {
        "Args/config": (None, "NoneType"),
        "Args/opt.lr": (1.0, "float"),
        "Args/opt.name": ("sgd", "str"),
        "Args/seed": (None, "int"),
        "Args/color": ("RED", "Color"),
        "Args/sizes": ({"a": 1}, "dict"),
        "Args/fast": (False, "bool"),
        "Args/db_password": ("***", "str"),
        "Args/model.class_path": (f"{__name__}.Deep", "str"),
        "Args/model.init_args.lr": (0.2, "float"),
        "Args/model.init_args.depth": (7, "int"),
        "Args/data.batch": (8, "int"),
        "Args/data.names": (None, "NoneType"),
    }
    assert task.parameters["Args/opt.lr"].description == "the rate"
    assert task.parameters["Args/data.batch"].description == "How many at once."
    assert len(task.events) == 1


def test_a_config_file_is_recorded_by_its_path_and_its_values(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("opt: {lr: 3}\ndata: {names: [x]}\n")
    task = Task()
    attach(task)
    build().parse_args(["--config", str(path)])
    assert task.values["Args/config"] == [str(path)]
    assert (task.values["Args/opt.lr"], task.values["Args/data.names"]) == (3.0, ["x"])
    parsed = remote(build().parse_args, "--config", str(path), config=["gone.yaml"], opt__lr=4)
    assert (parsed.opt.lr, parsed.data.names) == (4, ["x"])


def test_what_libraries_parse_for_themselves_is_not_recorded() -> None:
    task = Task()
    attach(task)
    parser = build()
    parsed = parser.parse_args(["--model", f"{__name__}.Deep"])
    before = len(task.events)
    parser.get_defaults()
    parser.dump(parsed)
    assert parser.instantiate_classes(parsed).model.depth == 3
    assert len(task.events) == before == 1


def test_parsed_before_the_task_is_recorded_when_the_task_comes() -> None:
    build().parse_object({"opt": {"lr": 2}})
    task = Task()
    attach(task)
    assert task.values["Args/opt.lr"] == 2.0


@pytest.mark.parametrize(
    ("name", "override", "wanted"),
    [
        ("opt.lr", "0.5", 0.5),
        ("opt.lr", 3, 3.0),
        ("opt.name", "adam", "adam"),
        ("seed", "7", 7),
        ("seed", "", None),
        ("color", "BLUE", Color.BLUE),
        ("sizes", '{"b": 2}', {"b": 2}),
        ("sizes", {"b": 2}, {"b": 2}),
        ("fast", "True", True),
        ("db_password", 5, "5"),
        ("db_password", "***", "hunter2"),
        ("data.batch", "9", 9),
        ("data.names", '["x", "y"]', ["x", "y"]),
        ("data.names", ["x"], ["x"]),
        ("model.init_args.lr", "0.5", 0.5),
        ("model.class_path", f"{__name__}.Model", f"{__name__}.Model"),
    ],
)
@pytest.mark.parametrize("argv", ["", "--opt.lr 0.7 --opt.name sgd --seed 3"])
def test_an_override_is_checked_and_cast_by_the_parser(
    argv: str, name: str, override: object, wanted: object
) -> None:
    words = [*argv.split(), "--model", f"{__name__}.Deep"]
    parsed = remote(build().parse_args, *words, **{name: override})
    value = parsed[name]
    assert (value, type(value)) == (wanted, type(wanted))
    assert parsed.workers == parsed.data.batch


@pytest.mark.parametrize(
    ("name", "override", "why"),
    [
        ("opt.lr", "fast", "it takes a number."),
        ("opt.name", "adm", "invalid choice: 'adm' (choose from"),
        ("seed", "1.5", "it takes a whole number."),
        ("fast", "maybe", "it takes true or false"),
        ("color", "GREEN", 'Parser key "color": Expected a member of'),
        ("sizes", {"b": "x"}, 'Parser key "sizes": '),
        ("data.names", 5, 'Parser key "data.names": '),
        ("model.init_args.depth", "x", 'Parser key "model": '),
        ("model.init_args.nothing", 1, 'Parser key "model": '),
        ("model.class_path", "Nothing", 'Parser key "model": '),
    ],
)
def test_an_override_that_does_not_fit_ends_the_process(
    name: str, override: object, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", f"{__name__}.Deep"]
    with pytest.raises(SystemExit) as ended:
        remote(build().parse_args, *words, **{"data.batch": 5, name: override})
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith(
        f"train.py: error: Parameter 'Args/{name}' cannot be {override!r}: {why}"
    )
    assert printed.count("\n") == 1


def test_unknown_parameters_are_ignored_and_a_class_is_given_by_its_leaves() -> None:
    parsed = remote(
        build().parse_args,
        gone=1,
        data__gone=2,
        model__class_path=f"{__name__}.Deep",
        model__init_args__depth=4,
    )
    assert parsed.model.as_dict() == {
        "class_path": f"{__name__}.Deep",
        "init_args": {"lr": 0.2, "depth": 4},
    }
    assert "gone" not in parsed


def test_arguments_that_an_override_gives_are_not_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = ArgumentParser(prog="train.py")
    parser.add_argument("place", type=str)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_subclass_arguments(Model, "model", required=True)
    given: dict[str, object] = {"steps": 3, "model__class_path": f"{__name__}.Deep"}
    parsed = remote(parser.parse_args, place="here", **given)
    assert (parsed.place, parsed.steps, parsed.model.init_args.depth) == ("here", 3, 3)
    with pytest.raises(SystemExit):
        remote(parser.parse_args, **given)
    assert "place" in capsys.readouterr().err
    with pytest.raises(SystemExit):  # and the parser is as strict as before
        parser.parse_args(["here"])


def test_a_cli_of_a_parser_class_with_sub_commands_is_recorded_and_overridden() -> None:
    task = Task()
    attach(task)
    argv = "fit --model.lr 0.5 --steps 3 --path a/b --trainer.epochs 4"
    Cli(argv)
    recorded = task.parameters
    assert {name: item.value for name, item in recorded.items()} == {
        "Args/config": None,
        "Args/subcommand": "fit",
        "Args/fit.config": None,
        "Args/fit.trainer.epochs": 4,
        "Args/fit.model.class_path": f"{__name__}.Model",
        "Args/fit.model.init_args.lr": 0.5,
        "Args/fit.steps": 3,
        "Args/fit.path": "a/b",
    }

    def there(argv: str, **changed: object) -> Cli:
        named: dict[str, object] = {name[5:]: item for name, item in recorded.items()}
        cli = remote(Cli, *argv.split(), **{**named, **changed})
        assert isinstance(cli, Cli)
        return cli

    assert there(argv).config == Cli(argv).config
    changed = there(
        argv, fit__model__init_args__lr="0.25", fit__steps="5", fit__path="c"
    ).config.fit
    assert (changed.model.init_args.lr, changed.steps, changed.path) == (0.25, 5, Path("c"))
    deeper = there(argv, fit__model__class_path=f"{__name__}.Deep").config.fit.model
    assert deeper.as_dict() == {
        "class_path": f"{__name__}.Deep",
        "init_args": {"lr": 0.5, "depth": 3},
    }
    other = there(argv, subcommand="test", test__data="d").config
    assert (other.subcommand, other.test.data, "fit" in other) == ("test", "d", False)


def test_an_automatic_command_line_is_recorded_and_overridden() -> None:
    def train(lr: float, model: Model | None = None, *, steps: int = 1) -> tuple[object, ...]:
        return lr, model, steps

    task = Task()
    attach(task)
    assert auto_cli(train, args=["0.5"]) == (0.5, None, 1)
    assert task.values == {
        "Args/config": None,
        "Args/lr": 0.5,
        "Args/model": None,
        "Args/steps": 1,
    }
    changed = remote(lambda: auto_cli(train), "0.5", lr=0.25, steps="2")
    assert changed == (0.25, None, 2)


def test_a_value_that_no_config_file_can_hold_is_recorded_by_its_text() -> None:
    parser = ArgumentParser()
    parser.add_argument("--x", type=Any, default=object())
    parser.add_argument("--y", type=int, default=1)
    task = Task()
    attach(task)
    with command_line():
        parsed = parser.parse_args()
    assert str(parsed.x) in str(task.values["Args/x"])
    assert task.values["Args/y"] == 1
    again = remote(parser.parse_args, y=2)
    assert (again.x, again.y) == (parsed.x, 2)


def test_nothing_is_patched_when_nobody_watches(stop_watching: Callable[[], None]) -> None:
    assert hasattr(ArgumentParser.parse_args, "__wrapped__")
    stop_watching()
    task = Task()
    attach(task)()
    build().parse_args([])
    assert task.events == []


def test_the_whole_way(tmp_path: Path, redis_url: str) -> None:
    script = """
        import json
        from jsonargparse import auto_cli
        from elsewhere import Task

        class Model:
            def __init__(self, lr: float = 0.1, sizes: list[int] = [1]):
                self.lr, self.sizes = lr, sizes

        def train(model: Model, steps: int = 1, name: str = "a"):
            Task.init("jsonargparse", "train")
            print("got", json.dumps([model.lr, model.sizes, steps, name]))

        auto_cli(train, as_positional=False)
    """
    way = WholeWay(script, tmp_path, redis_url)
    argv = ("--model", "Model", "--model.lr", "0.5")
    ran, recorded = way.here(*argv)
    assert ran.status == 0, ran.errors
    assert json.loads(ran.lines[-1][4:]) == [0.5, [1], 1, "a"]
    assert {name: item.value for name, item in recorded.items()} == {
        "Args/config": None,
        "Args/model.class_path": "__main__.Model",
        "Args/model.init_args.lr": 0.5,
        "Args/model.init_args.sizes": [1],
        "Args/steps": 1,
        "Args/name": "a",
    }
    changes = {"Args/model.init_args.sizes": "[2, 3]", "Args/steps": "4", "Args/name": "5"}
    there = way.there(*argv, recorded=recorded, changes=changes)
    assert json.loads(there.lines[-1][4:]) == [0.5, [2, 3], 4, "5"], there.errors
    refused = way.there(*argv, recorded=recorded, Args__steps="many")
    assert (refused.status, refused.last_error) == (
        2,
        "train.py: error: Parameter 'Args/steps' cannot be 'many': it takes a whole number.",
    )
