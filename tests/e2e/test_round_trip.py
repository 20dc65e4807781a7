"""Every kind of parameter: captured here with its type, shown, changed on a clone, and received by
the program on an agent as what it would have been here."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from elsewhere import Task
from elsewhere.command.main import main
from elsewhere.core.params import to_text
from elsewhere.core.records import TaskRecord
from tests.e2e.parser_programs import FILES
from tests.e2e.world import Box, Ended, Laptop, World
from tests.wheels import pack

#: installed ones that the programs need
_PACKAGES: Final = (
    *("absl-py", "click", "fire", "hydra-core", "jsonargparse", "omegaconf", "PyYAML"),
    *("antlr4-python3-runtime", "attrs", "docstring-parser", "packaging", "termcolor"),
    *("typeshed-client", "typing-extensions"),
)


@dataclass(frozen=True)
class Row:
    """One parameter. `here` and `kind` are what is recorded; `change` is what is set on the clone,
    and `told` what the program there has, as `repr` says it."""

    name: str
    here: Any
    kind: str
    change: Any
    told: str


@dataclass(frozen=True)
class Program:
    """A script with its command line, and what becomes of its parameters."""

    script: str
    argv: tuple[str, ...]
    rows: tuple[Row, ...]


#: a parameter that the record of the run here does not have
NEW: Final = object()

_ARGPARSE: Final = Program(
    "with_argparse.py",
    ("--epochs", "3", "-vv", "fit", "--steps", "4"),
    (
        Row("Args/rate", 0.1, "float", 0.5, "0.5"),
        Row("Args/epochs", 3, "int", "7", "7"),
        Row("Args/label", "plain", "str", "5", "'5'"),
        Row("Args/seed", None, "int", 9, "9"),
        Row("Args/fast", False, "bool", True, "True"),
        Row("Args/cache", True, "bool", "no", "False"),
        Row("Args/verbose", 2, "int", 1, "1"),
        Row("Args/optimizer", "sgd", "str", "adam", "'adam'"),
        Row("Args/sizes", [1, 2], "list", "[3, 4]", "[3, 4]"),
        Row("Args/add", None, "list", [0.5, 1], "[0.5, 1.0]"),
        Row("Args/color", "RED", "Color", "BLUE", "<Color.BLUE: 'b'>"),
        Row("Args/data", "data", "Path", "there/data", "PosixPath('there/data')"),
        Row("Args/command", "fit", "str", "test", "'test'"),
        Row("Args/steps", 4, "int", 5, ""),
        Row("Args/split", NEW, "", "train", "'train'"),
    ),
)
_CLICK: Final = Program(
    "with_click.py",
    ("--seed", "5", "train", "--sizes", "1", "--sizes", "2", "x/y"),
    (
        Row("Args/seed", 5, "int", None, "None"),
        Row("Args/train", True, "bool", True, ""),
        Row("Args/test", False, "bool", False, ""),
        Row("Args/train/rate", 0.1, "float", "0.5", "0.5"),
        Row("Args/train/fast", False, "bool", "true", "True"),
        Row("Args/train/optimizer", "sgd", "str", "adam", "'adam'"),
        Row("Args/train/sizes", [1, 2], "tuple", [3], "(3,)"),
        Row("Args/train/verbose", 0, "int", 2, "2"),
        Row("Args/train/name", "typed", "str", "5", "'5'"),
        Row("Args/train/limit", None, "float", 2, "2.0"),
        Row("Args/train/path", "x/y", "str", "z", "'z'"),
    ),
)
_FIRE: Final = Program(
    "with_fire.py",
    ("train", "3", "--rate", "0.25"),
    (
        Row("Args/train", True, "bool", True, ""),
        Row("Args/test", False, "bool", False, ""),
        Row("Args/train/steps", 3, "int", "7", "7"),
        Row("Args/train/rate", 0.25, "float", 1.5, "1.5"),
        Row("Args/train/sizes", [1, 2], "tuple", (3,), "(3,)"),
        Row("Args/train/fast", False, "bool", True, "True"),
        Row("Args/train/label", "plain", "str", "5", "'5'"),
        Row("Args/train/limit", None, "NoneType", 4, "4"),
    ),
)
_ABSL: Final = Program(
    "with_absl.py",
    ("--epochs", "3", "--sizes", "4"),
    (
        Row("TF_DEFINE/epochs", 3, "int", "7", "7"),
        Row("TF_DEFINE/rate", 0.1, "float", 1, "1.0"),
        Row("TF_DEFINE/label", None, "str", "5", "'5'"),
        Row("TF_DEFINE/fast", False, "bool", "yes", "True"),
        Row("TF_DEFINE/optimizer", "sgd", "str", "adam", "'adam'"),
        Row("TF_DEFINE/color", "RED", "Color", "BLUE", "<Color.BLUE: 'b'>"),
        Row("TF_DEFINE/names", ["a", "b"], "list", ["c"], "['c']"),
        Row("TF_DEFINE/sizes", [4], "list", "[5, 6]", "[5, 6]"),
    ),
)
_HYDRA: Final = Program(
    "with_hydra.py",
    ("steps=11", "+new=text", "sizes=[3]", "db=mysql"),
    (
        Row("Hydra/steps", 11, "int", "12", "12"),
        Row("Hydra/new", "text", "str", "other text", "'other text'"),
        Row("Hydra/sizes", [3], "list", [4, 5], "[4, 5]"),
        Row("Hydra/db", "mysql", "str", "postgres", "{'host': 'pg'}"),
        Row("Hydra/rate", NEW, "", 0.5, "0.5"),
        Row("Hydra/_allow_omegaconf_edit_", False, "bool", False, ""),
    ),
)
_JSONARGPARSE: Final = Program(
    "with_jsonargparse.py",
    ("--seed", "5"),
    (
        Row("Args/opt.rate", 0.1, "float", 2, "2.0"),
        Row("Args/opt.name", "sgd", "str", "adam", "'adam'"),
        Row("Args/seed", 5, "int", None, "None"),
        Row("Args/color", "RED", "Color", "BLUE", "<Color.BLUE: 'b'>"),
        Row("Args/sizes", [1, 2], "list", "[3]", "[3]"),
        Row("Args/shares", {"a": 1.0}, "dict", {"b": 2}, "{'b': 2.0}"),
        Row("Args/fast", False, "bool", "yes", "True"),
        Row("Args/data", "data", "Path", "there", "PosixPath('there')"),
        Row("Args/model.depth", 2, "int", 3, "3"),
        Row("Args/model.kind", "small", "str", "5", "'5'"),
    ),
)
_BY_HAND: Final = Program(
    "by_hand.py",
    (),
    (
        Row("Dict/int", 1, "int", "2", "2"),
        Row("Dict/float", 0.5, "float", 2, "2.0"),
        Row("Dict/bool", True, "bool", "no", "False"),
        Row("Dict/str", "5", "str", 6, "'6'"),
        Row("Dict/none", None, "NoneType", "7", "7"),
        Row("Dict/list", [1, 2], "list", [None, "a"], "[None, 'a']"),
        Row("Dict/tuple", [1, 2], "tuple", [3], "(3,)"),
        Row("Dict/dict/deep/er", 1.5, "float", 2.5, ""),
        Row("Dict/dict", NEW, "", NEW, "{'deep': {'er': 2.5}}"),
        Row("Dict/empty", {}, "dict", {"a": 1}, "{'a': 1}"),
        Row("Dict/enum", "RED", "Color", "BLUE", "<Color.BLUE: 'b'>"),
        Row("Dict/path", "a/b", "Path", "c", "PosixPath('c')"),
        Row("Object/name", "Erik", "str", "Ada", "'Ada'"),
        Row("Object/age", 5, "int", "36", "36"),
        Row("Object/home", "home", "Path", "away", "PosixPath('away')"),
        Row("Object/color", "RED", "Color", "BLUE", "<Color.BLUE: 'b'>"),
        Row("Class/depth", 2, "int", 3, "3"),
        Row("Class/width", 0.5, "float", "1", "1.0"),
        Row("Class/kind", "small", "str", "big", "'big'"),
        Row("Search/rate", 0.1, "float", "0.25", "0.25"),
        Row("Search/share", 50.0, "float", 75, "75.0"),
        Row("Environment/ROUND_TRIP", "here", "str", "there", "'there'"),
        Row("General/by_hand", 3, "int", "4", "4"),
    ),
)
#: of a clone of with_hydra.py's task whose whole config is edited
_EDITED: Final = "an edited config"
_OF_EDITED: Final = (
    Row("Hydra/_allow_omegaconf_edit_", False, "bool", "yes", ""),
    Row("Hydra/steps", 11, "int", NEW, "20"),
    Row("Hydra/new", "text", "str", NEW, "'5'"),
    Row("Hydra/sizes", [3], "list", NEW, "[None, 6.5]"),
    Row("Hydra/db", "mysql", "str", NEW, "{'host': 'theirs'}"),
    Row("Hydra/more", NEW, "", NEW, "True"),
)
_OMEGACONF: Final = (
    "db: {host: theirs}\nrate: 0.1\nsteps: 20\nsizes: [null, 6.5]\nnew: '5'\nmore: true\n"
)
_PROGRAMS: Final = (_ARGPARSE, _CLICK, _FIRE, _ABSL, _HYDRA, _JSONARGPARSE, _BY_HAND)

#: of the function task that by_hand.py makes
_FUNCTION: Final = (
    Row("Function/split", "test", "str", "5", "'5'"),
    Row("Function/limit", 4, "int", "6", "6"),
    Row("Function/ratio", 0.5, "float", 2, "2.0"),
    Row("Function/names", ["a"], "tuple", ["b", "c"], "('b', 'c')"),
    Row("Function/last", None, "NoneType", "x", "'x'"),
)

#: name, type and text of by_hand.py's configurations; the new text; what the program has
_CONFIGURATIONS: Final = (
    (
        *("dict", "dictionary", '{\n  "a": 1,\n  "deep": {\n    "b": 2.5\n  }\n}'),
        *('{"a": null, "deep": {"b": [true]}}', "{'a': None, 'deep': {'b': [True]}}"),
    ),
    ("list", "dictionary", '[\n  1,\n  "2"\n]', '["3", 4.5]', "['3', 4.5]"),
    ("file", "yaml", "a: 1   # kept\r\nb: [1,2]\n", "# new\r\na: 2\n", repr(b"# new\r\na: 2\n")),
)


def test_every_kind_of_parameter_makes_the_round_trip(
    world: World, box: Box, laptop: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name in _PACKAGES:
        pack(world.wheels, name)
    users = Laptop(Path(sys.executable), laptop.folder, box.store, world.url, "imports")
    project = users.repository("project", FILES, remote=users.remote("origin"))
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", world.url)
    monkeypatch.setenv("ELSEWHERE_LOCAL_REMOTES_ARE_SHARED", "yes")
    monkeypatch.setenv("ELSEWHERE_LOG_ENVIRONMENT", "ROUND_TRIP")
    monkeypatch.setenv("ROUND_TRIP", "here")
    wrong: list[str] = []
    sent: list[tuple[str, Task, tuple[Row, ...]]] = []
    for program in _PROGRAMS:
        printed = users.run(project.folder, program.script, *program.argv, says="typed\n")
        assert printed.code == 0, printed
        task = users.task(printed)
        sides = [(program.script, task, program.rows)]
        if program is _BY_HAND:
            draft = re.search(r"^draft (\w+)$", printed.output.decode(), re.MULTILINE)
            assert draft is not None, printed
            sides.append(("a function task", Task(draft[1], box.store), _FUNCTION))
        if program is _HYDRA:
            sides.append((_EDITED, task, _OF_EDITED))
        for what, captured, rows in sides:
            wrong += _not_captured(what, box.store.read(captured.id), rows)
            assert main(["show", captured.id]) == 0
            wrong += _not_shown(what, capsys.readouterr().out, rows)
            sent.append((what, _changed(what, captured, rows), rows))
    for _, clone, _ in sent:
        Task.enqueue(clone, "default")
    for what, clone, rows in sent:
        wrong += _not_received(what, box.end(clone), rows)
    assert not wrong, "\n".join(wrong)


def _changed(what: str, task: Task, rows: tuple[Row, ...]) -> Task:
    """A clone with all that the rows change, some as texts, as people type them into a page."""
    clone = Task.clone(task)
    for row in rows:
        if row.change is not NEW:
            clone.set_parameter(row.name, row.change)
    for name, *_, text, _ in _CONFIGURATIONS:
        if name in clone.get_configuration_objects():
            clone.set_configuration_object(name, config_text=text)
    if what == _EDITED:
        clone.set_configuration_object("OmegaConf", config_text=_OMEGACONF)
    if clone.get_labels_enumeration():
        clone.set_model_label_enumeration({"bird": 3})
    return clone


def _not_captured(what: str, record: TaskRecord, rows: tuple[Row, ...]) -> list[str]:
    """Sentences about what the record does not hold, or holds and no row knows."""
    wrong = []
    has = dict(record.parameters)
    for row in rows:
        found = has.pop(row.name, None)
        value = NEW if found is None else found.value
        if value != row.here or type(value) is not type(row.here):
            wrong.append(f"{what}: {row.name} is captured as {found}, not as {row.here!r}")
        elif found is not None and found.type != row.kind:
            wrong.append(f"{what}: {row.name} has the type {found.type}, not {row.kind}")
    sections = {row.name.partition("/")[0] for row in rows}
    wrong += [f"{what}: no row knows {one}" for one in has if one.partition("/")[0] in sections]
    if what == _BY_HAND.script:
        for name, kind, text, _, _ in _CONFIGURATIONS:
            one = record.configurations.get(name)
            if one is None or (one.type, one.text) != (kind, text):
                wrong.append(f"{what}: the configuration {name} is captured as {one}")
        if record.labels != {"cat": 1, "dog": 2}:
            wrong.append(f"{what}: the labels are captured as {record.labels}")
    return wrong


def _not_shown(what: str, shown: str, rows: tuple[Row, ...]) -> list[str]:
    """Sentences about what `elsewhere show` does not say, below its section, with its type."""
    lines = [line.split() for line in shown.splitlines()]
    wrong = []
    for row in rows:
        section, _, name = row.name.partition("/")
        if row.here is NEW:
            continue
        wanted = [name, *to_text(row.here).split(), row.kind]
        is_there = wanted in lines and ["parameters", section] in lines[: lines.index(wanted)]
        if not is_there:
            wrong.append(f"{what}: {row.name} is not shown as {wanted}")
    if what == _BY_HAND.script:
        for name, kind, text, _, _ in _CONFIGURATIONS:
            start = lines.index(["configuration", name, f"({kind})"])
            written = [line.split() for line in text.splitlines()]
            if lines[start + 1 : start + 1 + len(written)] != written:
                wrong.append(f"{what}: the configuration {name} is not shown")
        if not {("cat", "1"), ("dog", "2")} <= {tuple(line) for line in lines}:
            wrong.append(f"{what}: the labels are not shown")
    return wrong


def _not_received(what: str, ended: Ended, rows: tuple[Row, ...]) -> list[str]:
    """Sentences about what the program on the agent did not get, or got as something else."""
    if ended.status != "completed":
        return [f"{what}: {ended.state}\n{ended.output}"]
    lines = re.findall(r"^told (.*)$", ended.output, re.MULTILINE)
    told = dict(json.loads(line) for line in lines)
    wanted = {row.name: row.told for row in rows if row.told}
    if what == _BY_HAND.script:
        wanted |= {f"Configuration/{name}": has for name, *_, has in _CONFIGURATIONS}
        wanted["Labels/all"] = "{'bird': 3}"
    return [
        f"{what}: the program got {name} as {told.get(name)}, not as {has}"
        for name, has in wanted.items()
        if told.get(name) != has
    ]
