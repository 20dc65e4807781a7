"""Hydra: overrides and the config are recorded, and a remote run's are what the program gets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from elsewhere.core.errors import UsageError
from elsewhere.core.records import Configuration
from elsewhere.hooks.parsers.hydra.command_line import effective, replaced, to_parameters
from elsewhere.hooks.parsers.hydra.composed import overridden, to_configuration
from elsewhere.store.redis.store import RedisStore
from tests.sdk.hooks.command_lines import Color, record_of
from tests.sdk.hooks.whole_way import WholeWay
from tests.stores import opened

_EDIT = "Hydra/_allow_omegaconf_edit_"
_CONFIGS = {
    "config": """
        defaults: [{db: mysql}, _self_]
        lr: 0.1
        steps: 10
        folder: ${db.host}/data
        api_key: hunter2
    """,
    "db/mysql": "{host: my, port: 3306}",
    "db/postgres": "{host: pg, port: 5432}",
    "extra/one": "{x: 1}",
}
_MAIN = """
    import json, os
    import hydra
    from omegaconf import OmegaConf
    from elsewhere import Task

    @hydra.main(version_base=None, config_path="conf", config_name="config")
    def main(config):
        {inside}
        print("got", json.dumps(OmegaConf.to_container(config, resolve=True)))
        if config.lr == 13:
            raise ValueError("unlucky")

    {before}
    main()
"""
_INSIDE = _MAIN.format(inside='Task.init("hydra", "job", reuse_last_task_id=False)', before="")
_BEFORE = _MAIN.format(inside="", before='Task.init("hydra", "all", reuse_last_task_id=False)')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in _CONFIGS.items():
        path = tmp_path / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def inside(folder: Path, redis_url: str) -> WholeWay:
    """A program whose function calls `Task.init`."""
    return WholeWay(_INSIDE, folder, redis_url)


def got(lines: list[str]) -> list[dict[str, Any]]:
    """The configs that the program's function was called with."""
    return [json.loads(line[4:]) for line in lines if line.startswith("got ")]


class Groups:
    """`db` is chosen in the defaults, `extra` is not."""

    def has(self, key: str) -> bool:
        return key in ("db", "extra")

    def has_default(self, key: str) -> bool:
        return key == "db"


@pytest.mark.parametrize(
    ("line", "name", "value", "type_name"),
    [
        ("lr=0.5", "lr", 0.5, "float"),
        ("lr=5", "lr", 5, "int"),
        ("lr=inf", "lr", "inf", "str"),
        ("on=true", "on", True, "bool"),
        ("name=resnet", "name", "resnet", "str"),
        ("name='a b'", "name", "a b", "str"),
        ("name='5'", "name", "'5'", "str"),
        ("name=", "name", "", "str"),
        ("none=null", "none", None, "NoneType"),
        ("+a.b=[1,'2',{c: d}]", "a.b", [1, "2", {"c": "d"}], "list"),
        ("++a={b:1}", "a", {"b": 1}, "dict"),
        ("db=mysql", "db", "mysql", "str"),
        ("db@other=mysql", "db@other", "mysql", "str"),
        ("path=${db.host}/x", "path", "${db.host}/x", "str"),
        ("~db", "~db", True, "bool"),
        ("~db=mysql", "~db", "mysql", "str"),
        ("lr=1,2", "lr", "1,2", "sweep"),
        ("lr=range(1,5)", "lr", "range(1,5)", "sweep"),
        ("db.password=hunter2", "db.password", "***", "str"),
        ("hydra.job.name=a", "hydra.job.name", "a", "str"),
    ],
)
def test_an_override_is_a_parameter_of_its_type_and_comes_back_the_same(
    line: str, name: str, value: object, type_name: str
) -> None:
    (parameter,) = to_parameters([line]).values()
    assert list(to_parameters([line])) == [f"Hydra/{name}"]
    assert (parameter.value, parameter.type) == (value, type_name)
    assert type(parameter.value) is type(value)
    assert effective([line], {f"Hydra/{name}": parameter}) == {}
    if value != "***":
        again = replaced([], {f"Hydra/{name}": parameter}, Groups())
        there, here = (
            OverridesParser.create().parse_overrides(lines)[0] for lines in (again, [line])
        )
        assert there.value() == here.value()


@pytest.mark.parametrize(
    ("line", "name", "value", "wanted"),
    [
        ("lr=1", "lr", 0.5, "++lr=0.5"),
        ("lr=1", "lr", "0.5", "++lr=0.5"),
        ("lr=1", "lr", None, "++lr=null"),
        ("+lr=1", "lr", True, "++lr=True"),
        ("name=a", "name", "b: (c", "++name='b: (c'"),
        ("name=a", "name", " it's ", r"++name=' it\'s '"),
        ("a=1", "a", [1, "b c"], "++a=[1,'b c']"),
        ("a=1", "a", {"b": "c,d"}, "++a={b:'c,d'}"),
        ("db=mysql", "db", "postgres", "db=postgres"),
        ("+extra=one", "extra", "two", "+extra=two"),
        ("extra=one", "extra", "two", "extra=two"),
        ("", "db", "postgres", "db=postgres"),
        ("", "extra", "one", "+extra=one"),
        ("", "db", {"host": "x"}, "++db={host:'x'}"),
        ("", "new", 1, "++new=1"),
        ("", "~lr", True, "~lr"),
        ("~lr", "~lr", False, ""),
    ],
)
def test_a_changed_parameter_takes_the_place_of_the_override_with_its_key(
    line: str, name: str, value: object, wanted: str
) -> None:
    lines = ["first=1", *([line] if line else []), "last=${first}"]
    record = record_of({f"Hydra/{name}": value, "Args/first": 5, "Hydra/first": 1})
    changes = effective(lines, record)
    assert list(changes) == [f"Hydra/{name}"]
    expected = ["first=1", wanted, "last=${first}"] if line else ["first=1", lines[-1], wanted]
    assert replaced(lines, changes, Groups()) == [one for one in expected if one]


@dataclass
class Schema:
    color: Color = Color.RED
    size: int = 1
    items: dict[str, int] = field(default_factory=lambda: {"a": 1, "b": 2})


def test_an_edited_config_has_the_types_and_the_secrets_of_the_programs_own() -> None:
    config = OmegaConf.create(
        {"model": OmegaConf.structured(Schema), "lr": 0.1, "gone": 1, "path": "${lr}"}
    )
    config.db = {"password": "hunter2", "token": "${oc.env:TOKEN}", "hosts": [{"secret": "s3"}]}
    OmegaConf.set_struct(config, True)
    text = to_configuration(config).text
    assert "path: ${lr}\n" in text
    assert "token: ${oc.env:TOKEN}\n" in text
    assert "hunter2" not in text
    assert "s3" not in text
    text = text.replace("RED", "BLUE").replace("gone: 1\n", "new: {deep: 2}\n")
    result = overridden(config, text.replace("    b: 2\n", ""))
    assert result.model == Schema(color=Color.BLUE, items={"a": 1})
    assert (result.new.deep, "gone" in result, OmegaConf.is_struct(result)) == (2, False, True)
    assert (result.db.password, result.db.hosts[0].secret) == ("hunter2", "s3")
    assert config.gone == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1]", "cannot be a list: it takes a dict."),
        ("a: b: c", "cannot be used: mapping values are not allowed here"),
        ("model: {size: big}", "cannot be used: Value 'big' of type 'str' could not be converted"),
        ("model: {color: GREEN}", "cannot be used: Invalid value 'GREEN', expected one of"),
    ],
)
def test_a_text_that_is_not_such_a_config_is_refused(text: str, why: str) -> None:
    config = OmegaConf.create({"model": OmegaConf.structured(Schema)})
    with pytest.raises(UsageError) as refused:
        overridden(config, text)
    assert str(refused.value).startswith(f"Configuration 'OmegaConf' {why}")


def test_a_run_is_recorded_here_and_overridden_there(inside: WholeWay) -> None:
    argv = ("lr=0.5", "+new.key=[1,'a b']", "db=postgres")
    ran, (task,) = inside.tasks_here(*argv)
    assert ran.status == 0, ran.errors
    assert {name: item.value for name, item in task.parameters.items()} == {
        _EDIT: False,
        "Hydra/lr": 0.5,
        "Hydra/new.key": [1, "a b"],
        "Hydra/db": "postgres",
    }
    configuration = task.configurations["OmegaConf"]
    assert configuration.type == "OmegaConf YAML"
    assert "folder: ${db.host}/data\n" in configuration.text
    assert "hunter2" not in configuration.text
    (here,) = got(ran.lines)
    same = inside.there(*argv, recorded=task.parameters, configurations=task.configurations)
    assert got(same.lines) == [here], same.errors
    changes = {"Hydra/db": "mysql", "Hydra/lr": "0.25", "Hydra/extra": "one", "Hydra/more": None}
    there = inside.there(*argv, recorded=task.parameters, changes=changes)
    assert there.status == 0, there.errors
    wanted = {"db": {"host": "my", "port": 3306}, "lr": 0.25, "extra": {"x": 1}, "more": None}
    assert got(there.lines) == [{**here, **wanted, "folder": "my/data"}]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"lr": 0.2, "db": "oracle"}, "'Hydra/db' cannot be 'oracle': In 'config': Could not find"),
        ({"lr": "1,2"}, "'Hydra/lr' cannot be '1,2': Ambiguous value for argument '++lr=1,2'"),
        ({"steps": 2, "a b": 1}, "'Hydra/a b' cannot be 1: "),
        ({"~nothing": True}, "'Hydra/~nothing' cannot be True: Could not delete from config."),
        ({"_allow_omegaconf_edit_": "maybe"}, f"'{_EDIT}' cannot be 'maybe': it takes true or"),
    ],
)
def test_what_hydra_refuses_ends_the_program(
    inside: WholeWay, changes: dict[str, object], refused: str
) -> None:
    ran = inside.there(changes={f"Hydra/{name}": value for name, value in changes.items()})
    assert (ran.status, got(ran.lines)) == (2, [])
    assert ran.errors.startswith(f"train.py: error: Parameter {refused}")


def test_an_edited_configuration_is_the_config_when_that_is_allowed(inside: WholeWay) -> None:
    text = "{lr: 3, folder: '${db.host}', db: {host: other}, api_key: '***'}"
    configurations = {"OmegaConf": Configuration(text=text, type="OmegaConf YAML")}
    ran = inside.there(
        "lr=0.5",
        configurations=configurations,
        changes={_EDIT: True, "Hydra/lr": 9, "Hydra/db": "no"},
    )
    wanted = {"db": {"host": "other"}, "lr": 3, "folder": "other", "api_key": "hunter2"}
    assert got(ran.lines) == [wanted], ran.errors
    ignored = inside.there("lr=0.5", configurations=configurations, Hydra__lr=9)
    assert [(config["lr"], config["steps"]) for config in got(ignored.lines)] == [(9, 10)]


def test_each_job_of_a_multirun_that_begins_a_task_is_a_task_of_its_own(
    inside: WholeWay, redis_url: str
) -> None:
    ran, tasks = inside.tasks_here("-m", "lr=1,13,2", "hydra.job.name=x")
    assert ran.status == 1
    assert [task.parameters["Hydra/lr"].value for task in tasks] == [1, 13, 2]
    assert {task.parameters["Hydra/hydra.job.name"].value for task in tasks} == {"x"}
    assert ["lr: 2\n" in task.configurations["OmegaConf"].text for task in tasks] == [
        *(False, False),
        True,
    ]
    with opened(redis_url) as store:
        assert ended(store, [task.id for task in tasks]) == [
            ("completed", ""),
            ("failed", "ValueError: unlucky"),
            ("completed", ""),
        ]
    there = inside.there("-m", "lr=1,13,2", Hydra__lr=4)
    assert [config["lr"] for config in got(there.lines)] == [4]
    there = inside.there("-m", "lr=1,13,2", Hydra__lr="5,6")
    assert [config["lr"] for config in got(there.lines)] == [5, 6], there.errors


def test_a_multirun_of_a_task_is_that_task(folder: Path, redis_url: str) -> None:
    way = WholeWay(_BEFORE, folder, redis_url)
    ran, (task,) = way.tasks_here("-m", "lr=1,2", "steps=5")
    assert [config["lr"] for config in got(ran.lines)] == [1, 2], ran.errors
    assert {name: item.value for name, item in task.parameters.items()} == {
        _EDIT: False,
        "Hydra/lr": "1,2",
        "Hydra/steps": 5,
    }
    assert "lr: 0.1\nsteps: 5\n" in task.configurations["OmegaConf"].text
    with opened(redis_url) as store:
        assert ended(store, [task.id]) == [("completed", "")]
    there = way.there("-m", "lr=1,2", "steps=5", recorded=task.parameters, Hydra__lr="3,4")
    assert [config["lr"] for config in got(there.lines)] == [3, 4], there.errors


def ended(store: RedisStore, task_ids: list[str]) -> list[tuple[str, str]]:
    found = []
    for task_id in task_ids:
        outcome = store.state(task_id).outcome
        assert outcome is not None
        found.append((str(store.state(task_id).status), outcome.message))
    return found
