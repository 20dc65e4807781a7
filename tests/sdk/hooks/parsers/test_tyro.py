"""tyro: recorded, edited, and the same on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.sdk.hooks.whole_way import WholeWay

TRAIN: Final = """
import dataclasses, enum
from pathlib import Path
from typing import Dict, List, Literal, Optional, Tuple
import tyro
from elsewhere import Task

class Color(enum.Enum):
    RED = 1
    BLUE = 2

@dataclasses.dataclass
class Optimizer:
    lr: float = 0.1
    betas: Tuple[float, float] = (0.9, 0.99)

@dataclasses.dataclass
class Config:
    data_dir: Path
    opt: Optimizer
    steps: Optional[int] = None
    color: Color = Color.RED
    layers: List[int] = dataclasses.field(default_factory=lambda: [1, 2])
    amp: bool = False
    mode: Literal["a", "b"] = "a"
    weights: Dict[str, int] = dataclasses.field(default_factory=dict)
    verbose: tyro.conf.UseCounterAction[int] = 0
    api_key: str = ""
    "of the hub"

c = tyro.cli(Config)
Task.init("examples", "tyro")
print(c.data_dir, c.opt.lr, c.opt.betas, c.steps, c.color.name, c.layers, c.amp, c.mode, c.weights,
      c.verbose)
"""
COMMANDS: Final = """
import tyro
from elsewhere import Task

def train(lr: float = 1.0) -> str:
    return f"train {lr}"

def test(data: tyro.conf.Positional[str] = "d", n: int = 1) -> str:
    return f"test {data} {n}"

Task.init("examples", "commands")
print(tyro.extras.subcommand_cli_from_dict({"train": train, "test": test}))
"""
WORDS: Final = (
    *("--data-dir", "x", "--opt.lr", "0.3", "--color", "BLUE", "--verbose", "--verbose"),
    *("--api-key", "abc"),
)


def test_fields_are_parameters(tmp_path: Path, redis_url: str) -> None:
    way = WholeWay(TRAIN, tmp_path, redis_url)
    here, recorded = way.here(*WORDS)
    assert here.lines == ["x 0.3 (0.9, 0.99) None BLUE [1, 2] False a {} 2"], here.errors
    found = {name.removeprefix("Args/"): one.value for name, one in recorded.items()}
    assert found == {
        "data_dir": "x",
        "opt.lr": 0.3,
        "opt.betas": [0.9, 0.99],
        "steps": None,
        "color": "BLUE",
        "layers": [1, 2],
        "amp": False,
        "mode": "a",
        "weights": {},
        "verbose": 2,
        "api_key": "***",
    }
    assert recorded["Args/api_key"].description == "of the hub"
    assert way.there(*WORDS, recorded=recorded).lines == here.lines


def test_an_edit_counts_as_typed(tmp_path: Path, redis_url: str) -> None:
    way = WholeWay(TRAIN, tmp_path, redis_url)
    _, recorded = way.here(*WORDS)
    changes: dict[str, object] = {"Args/opt.lr": 2, "Args/opt.betas": [0.5, 0.6]}
    edited = way.there(
        *WORDS,
        recorded=recorded,
        changes=changes,
        Args__data_dir="y",
        Args__steps=4,
        Args__color="RED",
        Args__layers=[8],
        Args__amp=True,
        Args__mode="b",
        Args__weights={"w": 1},
        Args__verbose=0,
    )
    assert edited.lines == ["y 2.0 (0.5, 0.6) 4 RED [8] True b {'w': 1} 0"], edited.errors


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("opt.lr", "fast", "Parameter 'Args/opt.lr' cannot be 'fast'"),
        ("color", "GREEN", "Parameter 'Args/color' cannot be 'GREEN'"),
        ("opt.betas", [1], "Parameter 'Args/opt.betas' cannot be [1]: it takes 2"),
    ],
)
def test_an_edit_that_tyro_does_not_take_ends_the_program(
    name: str, value: object, why: str, tmp_path: Path, redis_url: str
) -> None:
    way = WholeWay(TRAIN, tmp_path, redis_url)
    _, recorded = way.here(*WORDS)
    ran = way.there(*WORDS, recorded=recorded, changes={f"Args/{name}": value})
    assert ran.status == 2
    assert why in ran.errors
    assert "Traceback" not in ran.errors


def test_another_sub_command_runs_in_its_place(tmp_path: Path, redis_url: str) -> None:
    way = WholeWay(COMMANDS, tmp_path, redis_url)
    here, recorded = way.here("train", "--lr", "3")
    assert here.lines == ["train 3.0"], here.errors
    assert {name: one.value for name, one in recorded.items()} == {
        "Args/command": "train",
        "Args/lr": 3.0,
    }
    assert way.there("train", "--lr", "3", recorded=recorded).lines == here.lines
    edited = way.there("train", "--lr", "3", recorded=recorded, Args__lr=5)
    assert edited.lines == ["train 5.0"]
    other = way.there(
        "train", "--lr", "3", recorded=recorded, Args__command="test", Args__data="e", Args__n=4
    )
    assert other.lines == ["test e 4"], other.errors


def test_words_of_the_program_itself_are_not_edited(tmp_path: Path, redis_url: str) -> None:
    script = """
        import tyro
        from elsewhere import Task
        Task.init("examples", "own words")
        def run(a: int = 1, b: int = 2): return a, b
        print(tyro.cli(run), tyro.cli(run, args=["--a", "7"]))
        """
    way = WholeWay(script, tmp_path, redis_url)
    here, recorded = way.here("--a", "3")
    assert here.lines == ["(3, 2) (7, 2)"]
    assert way.there("--a", "3", recorded=recorded).lines == here.lines
    edited = way.there("--a", "3", recorded=recorded, Args__a=5)
    assert edited.lines == ["(5, 2) (7, 2)"]
