"""What nobody edited is not touched: a remote run parses what its words give, as the run before."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from elsewhere.core.records import Parameter
from tests.sdk.hooks.whole_way import WholeWay

HEAD: Final = """
import argparse, subprocess, sys
from elsewhere import Task
"""
FOLDS: Final = (
    HEAD
    + """
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=1.0)
args = p.parse_args()
task = Task.init("examples", "folds")
print("folds", args.lr, flush=True)
for fold in range(3):
    lr = args.lr / 10**fold
    subprocess.run([sys.executable, "fold.py", "--fold", str(fold), "--lr", str(lr)], check=True)
"""
)
FOLD: Final = (
    HEAD
    + """
p = argparse.ArgumentParser()
p.add_argument("--fold", type=int)
p.add_argument("--lr", type=float)
p.add_argument("--seed", type=int, default=3)
args = p.parse_args()
Task.init("examples", "folds")
print("fold", args.fold, args.lr, args.seed, flush=True)
"""
)
LOOP: Final = (
    HEAD
    + """
task = Task.init("examples", "loop")
p = argparse.ArgumentParser()
p.add_argument("--fold", type=int, default=9)
p.add_argument("--lr", type=float, default=0.1)
for fold in range(3):
    args = p.parse_args(["--fold", str(fold)])
    print(args.fold, args.lr)
"""
)
DEFAULTS: Final = (
    HEAD
    + """
task = Task.init("examples", "defaults")

def parser():
    p = argparse.ArgumentParser()
    p.add_argument("--lr", type=float, default=0.1)
    return p

p = parser()
args, defaults, others = p.parse_args(), p.parse_args([]), parser().parse_args([])
print(args.lr, defaults.lr, others.lr)
"""
)
LIBRARY: Final = (
    HEAD
    + """
library = argparse.ArgumentParser(prog="library")
library.add_argument("--seed", type=int, default=0)
task = Task.init("examples", "library")
before = library.parse_args(["--seed", "7"])
p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=1)
args = p.parse_args()
after = library.parse_args([])
print(before.seed, args.seed, after.seed)
"""
)
CHAIN: Final = (
    HEAD
    + """
task = Task.init("examples", "chain")
first = argparse.ArgumentParser(add_help=False)
first.add_argument("--config", default="a.yaml")
known, rest = first.parse_known_args()
p = argparse.ArgumentParser(parents=[first])
p.add_argument("--lr", type=float, default=0.1)
p.set_defaults(lr=0.2 if known.config == "b.yaml" else 0.1)
given, again = p.parse_args(rest), p.parse_args(sys.argv[1:])
print(known.config, given.lr, again.lr)
"""
)
IN_PLACE: Final = (
    HEAD
    + """
task = Task.init("examples", "in place")
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=1.0)
p.add_argument("--debug", action="store_true")
print(p.parse_args().lr)
for lr in (1, 2):
    sys.argv = [sys.argv[0], "--lr", str(lr)]
    print(p.parse_args().lr)
"""
)
TWICE: Final = (
    HEAD
    + """
def get_args(argv=None):
    p = argparse.ArgumentParser()
    p.add_argument("--lr", type=float, default=1.0)
    return p.parse_args(argv).lr

task = Task.init("examples", "twice")
print(get_args(), get_args(["--lr", "7"]), get_args())
"""
)
RANKS: Final = (
    HEAD
    + """
task = Task.init("examples", "ranks")
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=1.0)
p.add_argument("--local_rank", type=int, default=0)
args = p.parse_args()
print("rank", args.local_rank, args.lr, flush=True)
if not args.local_rank:
    rank = [sys.executable, sys.argv[0], "--local_rank=1", *sys.argv[1:]]
    subprocess.run(rank, check=True)
"""
)
COMMANDS: Final = """
import click
from click.testing import CliRunner
from elsewhere import Task

@click.command()
@click.option("--lr", default=0.1)
@click.option("--n", default=1)
def train(lr, n):
    Task.init("examples", "commands")
    print("train", lr, n)
    CliRunner().invoke(test, ["--lr", "3"], catch_exceptions=False, standalone_mode=False)
    test.main(["--n", "5"], standalone_mode=False)

@click.command()
@click.option("--lr", default=0.5)
@click.option("--n", default=2)
def test(lr, n):
    with open("test.txt", "a") as out:
        print("test", lr, n, file=out)

train(standalone_mode=False)
print(open("test.txt").read())
"""
TYPER: Final = """
import typer
from elsewhere import Task

def train(lr: float = 0.1, n: int = 1):
    Task.init("examples", "typer")
    print("train", lr, n)

def test(n: int = 5):
    print("test", n)

app = typer.Typer()
app.command()(train)
app(standalone_mode=False)
other = typer.Typer()
other.command()(test)
other(["--n", "7"], standalone_mode=False)
"""
TYRO: Final = """
import tyro
from elsewhere import Task

def train(lr: float = 0.1, n: int = 1):
    return lr, n

Task.init("examples", "tyro")
print(*tyro.cli(train), *tyro.cli(train, args=["--n", "7"]))
"""


@pytest.mark.parametrize(
    ("script", "argv"),
    [
        (TYPER, ["--lr", "0.7"]),
        (TYPER, []),
        (TYRO, ["--lr", "0.7"]),
        (TYRO, []),
        (FOLDS, ["--lr", "5"]),
        (FOLDS, []),
        (LOOP, []),
        (DEFAULTS, []),
        (DEFAULTS, ["--lr", "0.5"]),
        (LIBRARY, ["--seed", "42"]),
        (LIBRARY, []),
        (CHAIN, ["--config", "b.yaml", "--lr", "3"]),
        (CHAIN, ["--config", "b.yaml"]),
        (IN_PLACE, ["--debug", "--lr", "5"]),
        (IN_PLACE, []),
        (TWICE, ["--lr", "2"]),
        (RANKS, ["--lr", "2"]),
        (COMMANDS, ["--lr", "0.7"]),
        (COMMANDS, []),
    ],
)
def test_nothing_differs_that_nobody_edited(
    script: str, argv: list[str], tmp_path: Path, redis_url: str
) -> None:
    way = WholeWay(script, tmp_path, redis_url)
    (tmp_path / "fold.py").write_text(FOLD)
    here, recorded = way.here(*argv)
    assert here.status == 0, here.errors
    (tmp_path / "test.txt").unlink(missing_ok=True)
    there = way.there(*argv, recorded=recorded)
    assert there.status == 0, there.errors
    assert there.lines == here.lines
    assert "This machine gives other values" not in there.errors


def test_what_is_hidden_is_no_difference(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "hub-t0ken-value")
    script = """
p = argparse.ArgumentParser()
p.add_argument("--hub")
args = p.parse_args()
Task.init("examples", "hidden")
print(args.hub)
"""
    way = WholeWay(HEAD + script, tmp_path, redis_url)
    here, recorded = way.here("--hub", "hub-t0ken-value")
    assert recorded["Args/hub"].value == "***"
    there = way.there("--hub", "hub-t0ken-value", recorded=recorded)
    assert there.lines == here.lines == ["hub-t0ken-value"]
    assert "This machine gives other values" not in there.errors


def values(parameters: dict[str, Parameter]) -> dict[str, object]:
    return {name: parameter.value for name, parameter in parameters.items()}


def test_a_child_has_names_of_its_own_and_an_edit_reaches_the_parser_that_recorded_it(
    tmp_path: Path, redis_url: str
) -> None:
    way = WholeWay(FOLDS, tmp_path, redis_url)
    (tmp_path / "fold.py").write_text(FOLD)
    _, recorded = way.here("--lr", "5")
    assert values(recorded) == {
        "Args/lr": 5.0,
        "Args/fold.py/fold": 2,
        "Args/fold.py/lr": 0.05,
        "Args/fold.py/seed": 3,
    }
    edited = way.there("--lr", "5", recorded=recorded, Args__lr=2)
    assert edited.lines == ["folds 2.0", "fold 0 2.0 3", "fold 1 0.2 3", "fold 2 0.02 3"]
    changes: dict[str, object] = {"Args/fold.py/seed": 4, "Args/fold.py/lr": 9}
    child = way.there("--lr", "5", recorded=recorded, changes=changes)
    assert child.lines == ["folds 5.0", "fold 0 5.0 4", "fold 1 0.5 4", "fold 2 0.05 4"]
    why = "Args/fold.py/lr changes nothing: the program itself gives the value to fold.py."
    assert why in child.errors


@pytest.mark.parametrize(
    ("script", "argv", "edits", "wanted"),
    [
        (LOOP, [], {"Args/lr": 0.7}, ["0 0.7", "1 0.7", "2 0.7"]),
        (LOOP, [], {"Args/fold": 5}, ["0 0.1", "1 0.1", "2 0.1"]),
        (DEFAULTS, [], {"Args/lr": 0.7}, ["0.7 0.1 0.1"]),
        (DEFAULTS, ["--lr", "0.5"], {"Args/lr": 0.7}, ["0.7 0.1 0.1"]),
        (LIBRARY, ["--seed", "42"], {"Args/seed": 5}, ["7 5 0"]),
        (LIBRARY, ["--seed", "42"], {"Args/library/seed": 5}, ["7 42 5"]),
        (CHAIN, ["--config", "b.yaml"], {"Args/config": "c.yaml"}, ["c.yaml 0.1 0.1"]),
        (CHAIN, ["--config", "b.yaml"], {"Args/lr": 4}, ["b.yaml 4.0 4.0"]),
        (IN_PLACE, ["--lr", "5"], {"Args/lr": 4}, ["4.0", "1.0", "2.0"]),
        (TWICE, ["--lr", "2"], {"Args/lr": 4}, ["4.0 7.0 4.0"]),
        (RANKS, ["--lr", "2"], {"Args/lr": 4}, ["rank 0 4.0", "rank 1 4.0"]),
        (TYPER, ["--n", "3"], {"Args/n": 4}, ["train 0.1 4", "test 7"]),
        (TYRO, ["--n", "3"], {"Args/n": 4}, ["0.1 4 0.1 7"]),
        (COMMANDS, [], {"Args/lr": 4}, ["train 4.0 1", "test 3.0 2", "test 0.5 5"]),
        (COMMANDS, [], {"Args/test/n": 7}, ["train 0.1 1", "test 3.0 7", "test 0.5 5"]),
    ],
)
def test_an_edit_is_as_if_typed_on_the_command_line(
    script: str,
    argv: list[str],
    edits: dict[str, object],
    wanted: list[str],
    tmp_path: Path,
    redis_url: str,
) -> None:
    way = WholeWay(script, tmp_path, redis_url)
    _, recorded = way.here(*argv)
    assert edits.keys() <= recorded.keys(), values(recorded)
    (tmp_path / "test.txt").unlink(missing_ok=True)
    there = way.there(*argv, recorded=recorded, changes=edits)
    assert [line for line in there.lines if line] == wanted, there.errors


def test_an_edit_that_no_parser_reads_is_named_at_the_end(tmp_path: Path, redis_url: str) -> None:
    way = WholeWay(FOLDS, tmp_path, redis_url)
    (tmp_path / "fold.py").write_text(FOLD)
    _, recorded = way.here("--lr", "5")
    changes: dict[str, object] = {"Args/rate": 4, "Args/fold.py/seed": 4, "Args/lr": 2}
    there = way.there("--lr", "5", recorded=recorded, changes=changes)
    assert there.status == 0
    named = [line for line in there.errors.splitlines() if "no parser of this run" in line]
    assert named == [
        "Elsewhere: no parser of this run has read Args/rate: the edit changes nothing"
    ]
