"""Environment variables: recorded by their names, and set on a remote run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from elsewhere.hooks.environment import attach
from elsewhere.hooks.launch import LAUNCH
from tests.sdk.hooks.command_lines import Task
from tests.sdk.hooks.whole_way import WholeWay

_VARIABLES = {
    "AWS_REGION": "eu",
    "AWS_SECRET_ACCESS_KEY": "hunter2",
    "AWS_DATABASE": "postgres://me:hunter2@host/data",
    "SORT_KEY": "name",
    "MODE": "",
    "PATH": "/bin",
    "ELSEWHERE_LEASE_S": "30",
}


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in _VARIABLES.items():
        monkeypatch.setenv(name, text)
    for name in ("NEW", "GONE"):  # known to be put back afterwards
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("patterns", "recorded"),
    [
        ("", {}),
        ("AWS_*", {"AWS_REGION": "eu", "AWS_SECRET_ACCESS_KEY": "***"}),
        ("*_KEY", {"AWS_SECRET_ACCESS_KEY": "***", "SORT_KEY": "name"}),
        (" MODE, AWS_REGION,", {"AWS_REGION": "eu", "MODE": ""}),
        ("GONE,mode", {}),
        ("PATH,ELSEWHERE_LEASE_S", {"ELSEWHERE_LEASE_S": "30", "PATH": "/bin"}),
        (
            "*",
            {"AWS_REGION": "eu", "AWS_SECRET_ACCESS_KEY": "***", "MODE": "", "SORT_KEY": "name"},
        ),
    ],
)
def test_the_variables_that_the_setting_names_are_recorded(
    patterns: str, recorded: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSEWHERE_LOG_ENVIRONMENT", patterns)
    task = Task()
    attach(task)()
    values = {name.removeprefix("Environment/"): text for name, text in task.values.items()}
    assert {name: text for name, text in values.items() if name in _VARIABLES} == recorded
    assert {parameter.type for parameter in task.parameters.values()} <= {"str"}


def test_a_remote_runs_parameters_are_its_variables() -> None:
    task = Task(
        {
            "Environment/MODE": "fast",
            "Environment/NEW": 5,
            "Environment/AWS_REGION": None,
            "Environment/GONE": None,
            "Environment/AWS_SECRET_ACCESS_KEY": "***",
            "Environment/ELSEWHERE_LEASE_S": "1",
            "General/SORT_KEY": "size",
        }
    )
    attach(task)()
    assert {name: os.environ.get(name) for name in ("MODE", "NEW", "AWS_REGION", "SORT_KEY")} == {
        "MODE": "fast",
        "NEW": "5",
        "AWS_REGION": None,
        "SORT_KEY": "name",
    }
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == "hunter2"
    assert os.environ["ELSEWHERE_LEASE_S"] == "30"
    assert task.events == []


@pytest.mark.parametrize("role", ["copy", "child"])
def test_a_process_that_the_task_has_started_keeps_the_variables_that_it_was_given(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LAUNCH, "role", lambda: role)
    attach(Task({"Environment/MODE": "fast"}))()
    assert os.environ["MODE"] == ""


def test_a_variable_that_cannot_be_set_ends_the_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        attach(Task({"Environment/MODE": "a\0b"}))
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert "error: Parameter 'Environment/MODE' cannot be 'a\\x00b': embedded null byte." in printed


def test_the_whole_way(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
        import os
        from elsewhere import Task
        Task.init("environment", "train")
        print(os.environ["MODE"], os.environ["SORT_KEY"])
    """
    monkeypatch.setenv("ELSEWHERE_LOG_ENVIRONMENT", "MODE,*_KEY")
    monkeypatch.setenv("MODE", "slow")
    way = WholeWay(script, tmp_path, redis_url)
    ran, recorded = way.here()
    assert ran.lines == ["slow name"], ran.errors
    assert recorded["Environment/AWS_SECRET_ACCESS_KEY"].value == "***"
    assert recorded["Environment/MODE"].value == "slow"
    assert "Environment/AWS_REGION" not in recorded
    there = way.there(recorded=recorded, Environment__MODE="fast")
    assert there.lines == ["fast name"], there.errors
