"""typer, with its own copy of click: recorded, edited, and the same on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.sdk.hooks.whole_way import WholeWay

TRAIN: Final = """
import enum
from pathlib import Path
from typing import List, Optional, Tuple
import typer
from elsewhere import Task

class Color(str, enum.Enum):
    RED = "red"
    BLUE = "blue"

def train(
    data: Path,
    lr: float = 0.1,
    layers: List[int] = [1],
    size: Tuple[int, int] = (1, 2),
    color: Color = Color.RED,
    amp: bool = False,
    note: Optional[str] = None,
    verbose: int = typer.Option(0, "--verbose", "-v", count=True),
    token: str = typer.Option("", help="of the hub"),
):
    Task.init("examples", "typer")
    print(data, repr(lr), layers, size, color.value, amp, note, verbose)

typer.run(train)
"""
GROUP: Final = """
import typer
from elsewhere import Task

app = typer.Typer()

@app.callback()
def main(seed: int = 1):
    Task.init("examples", "group")
    print("seed", seed)

@app.command()
def train(lr: float = 0.1):
    print("train", lr)

@app.command()
def test(n: int = 3):
    print("test", n)

app(standalone_mode=False)
"""
WORDS: Final = ("d.csv", "--lr", "0.5", "--layers", "3", "--layers", "4", "-vv", "--token", "abc")


def test_options_and_arguments_are_parameters(tmp_path: Path, redis_url: str) -> None:
    way = WholeWay(TRAIN, tmp_path, redis_url)
    here, recorded = way.here(*WORDS)
    assert here.lines == ["d.csv 0.5 [3, 4] (1, 2) red False None 2"], here.errors
    found = {name.removeprefix("Args/"): one.value for name, one in recorded.items()}
    assert found == {
        "data": "d.csv",
        "lr": 0.5,
        "layers": [3, 4],
        "size": [1, 2],
        "color": "red",
        "amp": False,
        "note": None,
        "verbose": 2,
        "token": "***",
    }
    assert recorded["Args/token"].description == "of the hub"
    assert way.there(*WORDS, recorded=recorded).lines == here.lines


def test_a_program_may_import_typer_last(tmp_path: Path, redis_url: str) -> None:
    script = GROUP.replace(
        "import typer\nfrom elsewhere import Task", "from elsewhere import Task\nimport typer"
    )
    here, recorded = WholeWay(script, tmp_path, redis_url).here("train", "--lr", "0.5")
    assert here.lines[-1] == "train 0.5", here.errors
    assert "failed" not in here.errors
    assert recorded["Args/train/lr"].value == 0.5


def test_an_edit_counts_as_typed(tmp_path: Path, redis_url: str) -> None:
    way = WholeWay(TRAIN, tmp_path, redis_url)
    _, recorded = way.here(*WORDS)
    edited = way.there(
        *WORDS,
        recorded=recorded,
        Args__data="e.csv",
        Args__lr=7,
        Args__layers=[8],
        Args__size=[5, 6],
        Args__color="blue",
        Args__amp=True,
        Args__note="x",
        Args__verbose=1,
    )
    assert edited.lines == ["e.csv 7.0 [8] (5, 6) blue True x 1"], edited.errors


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("lr", "fast", "Parameter 'Args/lr' cannot be 'fast'"),
        ("color", "green", "Parameter 'Args/color' cannot be 'green'"),
        ("size", [1], "Parameter 'Args/size' cannot be [1]: it takes 2"),
    ],
)
def test_an_edit_that_typer_does_not_take_ends_the_program(
    name: str, value: object, why: str, tmp_path: Path, redis_url: str
) -> None:
    way = WholeWay(TRAIN, tmp_path, redis_url)
    _, recorded = way.here(*WORDS)
    ran = way.there(*WORDS, recorded=recorded, changes={f"Args/{name}": value})
    assert ran.status == 2
    assert why in ran.errors
    assert "Traceback" not in ran.errors


def test_another_sub_command_runs_in_its_place(tmp_path: Path, redis_url: str) -> None:
    way = WholeWay(GROUP, tmp_path, redis_url)
    here, recorded = way.here("train", "--lr", "3")
    assert here.lines == ["seed 1", "train 3.0"]
    assert {name: one.value for name, one in recorded.items()} == {
        "Args/seed": 1,
        "Args/train": True,
        "Args/test": False,
        "Args/train/lr": 3.0,
    }
    assert way.there("train", "--lr", "3", recorded=recorded).lines == here.lines
    other = way.there(
        *("train", "--lr", "3"),
        recorded=recorded,
        changes={"Args/train": False, "Args/test": True, "Args/seed": 9},
    )
    assert other.lines == ["seed 9", "test 3"], other.errors
