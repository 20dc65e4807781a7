"""The programs of the round trip: one for each library that reads command lines, and one for all
that is connected by hand. Each prints what it has, under the names that its parameters have."""

from __future__ import annotations

from typing import Final

_TOLD: Final = """
import json

def tell(section, values):
    for name, value in values.items():
        print("told", json.dumps([f"{section}/{name}", repr(value)]))
"""

_ARGPARSE: Final = """
from argparse import ArgumentParser, BooleanOptionalAction
from enum import Enum
from pathlib import Path
from elsewhere import Task
from told import tell

class Color(Enum):
    RED = "r"
    BLUE = "b"

task = Task.init("round trip", "argparse")
parser = ArgumentParser()
parser.add_argument("--rate", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--label", default="plain")
parser.add_argument("--seed", type=int)
parser.add_argument("--fast", action="store_true")
parser.add_argument("--cache", action=BooleanOptionalAction, default=True)
parser.add_argument("-v", dest="verbose", action="count", default=0)
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
parser.add_argument("--sizes", nargs="+", type=int, default=[1, 2])
parser.add_argument("--add", action="append", type=float)
parser.add_argument("--color", type=Color, default=Color.RED)
parser.add_argument("--data", type=Path, default=Path("data"))
commands = parser.add_subparsers(dest="command", required=True)
fit = commands.add_parser("fit")
fit.add_argument("--steps", type=int, default=3)
test = commands.add_parser("test")
test.add_argument("--split", default="valid")
tell("Args", vars(parser.parse_args()))
"""

_CLICK: Final = """
import click
from elsewhere import Task
from told import tell

@click.group()
@click.option("--seed", type=int)
def main(seed):
    tell("Args", {"seed": seed})

@main.command()
@click.option("--rate", default=0.1)
@click.option("--fast/--slow", default=False)
@click.option("--optimizer", type=click.Choice(["sgd", "adam"]), default="sgd")
@click.option("--sizes", type=int, multiple=True)
@click.option("-v", "verbose", count=True)
@click.option("--name", prompt=True)
@click.option("--limit", type=float)
@click.argument("path", type=click.Path())
def train(**given):
    print()  # behind the prompt
    tell("Args/train", given)

@main.command()
@click.option("--split", default="valid")
def test(**given):
    tell("Args/test", given)

Task.init("round trip", "click")
main()
"""

_FIRE: Final = """
import fire
from elsewhere import Task
from told import tell

def train(steps, rate=0.1, sizes=(1, 2), fast=False, label="plain", limit=None):
    tell("Args/train", locals())

def test(split="valid"):
    tell("Args/test", {"split": split})

Task.init("round trip", "fire")
fire.Fire({"train": train, "test": test})
"""

_ABSL: Final = """
from enum import Enum
from absl import app, flags
from elsewhere import Task
from told import tell

class Color(Enum):
    RED = "r"
    BLUE = "b"

FLAGS = flags.FLAGS
flags.DEFINE_integer("epochs", 2, "how long", lower_bound=1)
flags.DEFINE_float("rate", 0.1, "how fast")
flags.DEFINE_string("label", None, "what")
flags.DEFINE_boolean("fast", False, "whether")
flags.DEFINE_enum("optimizer", "sgd", ["sgd", "adam"], "which")
flags.DEFINE_enum_class("color", Color.RED, Color, "which")
flags.DEFINE_list("names", ["a", "b"], "whose")
flags.DEFINE_multi_integer("sizes", [1], "how big")

def main(argv):
    names = ("epochs", "rate", "label", "fast", "optimizer", "color", "names", "sizes")
    tell("TF_DEFINE", {name: FLAGS[name].value for name in names})

Task.init("round trip", "absl")
app.run(main)
"""

_HYDRA: Final = """
import hydra
from omegaconf import OmegaConf
from elsewhere import Task
from told import tell

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config):
    Task.init("round trip", "hydra")
    tell("Hydra", OmegaConf.to_container(config))

main()
"""

_JSONARGPARSE: Final = """
from enum import Enum
from pathlib import Path
from typing import Optional
from jsonargparse import ArgumentParser
from elsewhere import Task
from told import tell

class Color(Enum):
    RED = "r"
    BLUE = "b"

class Model:
    def __init__(self, depth: int = 2, kind: str = "small"):
        self.depth, self.kind = depth, kind

parser = ArgumentParser()
parser.add_argument("--opt.rate", type=float, default=0.1)
parser.add_argument("--opt.name", default="sgd", choices=["sgd", "adam"])
parser.add_argument("--seed", type=Optional[int])
parser.add_argument("--color", type=Color, default=Color.RED)
parser.add_argument("--sizes", type=list[int], default=[1, 2])
parser.add_argument("--shares", type=dict[str, float], default={"a": 1.0})
parser.add_argument("--fast", type=bool, default=False)
parser.add_argument("--data", type=Path, default=Path("data"))
parser.add_class_arguments(Model, "model")
given = parser.parse_args()
Task.init("round trip", "jsonargparse")  # it may come later than the parser
names = ("seed", "color", "sizes", "shares", "fast", "data")
tell("Args", {name: given[name] for name in names})
tell("Args", {"opt.rate": given.opt.rate, "opt.name": given.opt.name})
tell("Args", {"model.depth": given.model.depth, "model.kind": given.model.kind})
"""

_BY_HAND: Final = """
import os
from enum import Enum
from pathlib import Path
from elsewhere import Task, TaskParameters, param, percent_param
from told import tell

class Color(Enum):
    RED = "r"
    BLUE = "b"

class Model:
    depth = 2
    width = 0.5
    kind = "small"

class Person:
    def __init__(self, name, age):
        self.name = name
        self.age = age
        self.home = Path("home")
        self.color = Color.RED

class Search(TaskParameters):
    rate = param(default=0.1, type=float, range=(0, 1), desc="how fast")
    share = percent_param(default=50)

def evaluate(split, limit, ratio, names, last):
    tell("Function", locals())

VALUES = {
    "int": 1, "float": 0.5, "bool": True, "str": "5", "none": None, "list": [1, 2],
    "tuple": (1, 2), "dict": {"deep": {"er": 1.5}}, "empty": {}, "enum": Color.RED,
    "path": Path("a/b"),
}

task = Task.init("round trip", "by hand")
tell("Dict", task.connect(VALUES, name="Dict"))
person = Person("Erik", 5)
task.connect(person, name="Object")
tell("Object", vars(person))
task.connect(Model, name="Class")
tell("Class", {name: getattr(Model, name) for name in ("depth", "width", "kind")})
search = Search()
task.connect(search, name="Search")
tell("Search", {"rate": search.rate, "share": search.share})
tell("Environment", {"ROUND_TRIP": os.environ["ROUND_TRIP"]})
tell("Configuration", {
    "dict": dict(task.connect_configuration({"a": 1, "deep": {"b": 2.5}}, name="dict")),
    "list": task.connect_configuration([1, "2"], name="list"),
    "file": Path(task.connect_configuration("settings.yaml", name="file")).read_bytes(),
})
tell("Labels", {"all": task.connect_label_enumeration({"cat": 1, "dog": 2})})
arguments = {"split": "test", "limit": 4, "ratio": 0.5, "names": ("a",), "last": None}
if (draft := task.create_function_task(evaluate, **arguments)) is not None:
    print("draft", draft.id)
if task.get_parameter("by_hand") is None:
    task.set_parameter("by_hand", 3)
tell("General", {"by_hand": task.get_parameter("by_hand")})
"""

#: what lies in the repository, by its path
FILES: Final[dict[str, str | bytes]] = {
    "told.py": _TOLD,
    "with_argparse.py": _ARGPARSE,
    "with_click.py": _CLICK,
    "with_fire.py": _FIRE,
    "with_absl.py": _ABSL,
    "with_hydra.py": _HYDRA,
    "with_jsonargparse.py": _JSONARGPARSE,
    "by_hand.py": _BY_HAND,
    "settings.yaml": b"a: 1   # kept\r\nb: [1,2]\n",
    "conf/config.yaml": "defaults: [{db: mysql}, _self_]\nrate: 0.1\nsteps: 10\nsizes: [1, 2]\n",
    "conf/db/mysql.yaml": "host: my\n",
    "conf/db/postgres.yaml": "host: pg\n",
}
