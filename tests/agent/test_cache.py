"""The commands on what this machine keeps for later tasks."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from elsewhere.core.folders import Home, write_beside
from elsewhere_agent.command import main


@pytest.fixture
def environment(elsewhere_home: Path) -> Path:
    """As a build leaves it behind."""
    folder = Home(elsewhere_home).environments / ("ab" * 16)
    (folder / "bin").mkdir(parents=True)
    facts = {
        "version": "3.11.7",
        "requirements": ["a==1"],
        "pins": [f"p{at}==1" for at in range(9)],
        "size_bytes": 3 << 20,
        "seconds": 1.0,
    }
    write_beside(folder / "complete.json", facts)
    return folder


def test_environments_are_listed(environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "list"]) == 0
    printed = capsys.readouterr().out
    assert "ababababab" in printed
    assert "environments: 1, 3.0 MiB of the 46.6 GiB that agent.environments_bytes" in printed
    assert "mirrors: 0, 0 B of the 46.6 GiB that agent.mirrors_bytes" in printed
    assert main(["cache", "list", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["kind"], one["name"], one["is_in_use"]) == ("environments", "ab" * 16, False)
    assert one["what"].startswith("Python 3.11.7: a==1, p0==1")


def test_what_is_beyond_the_budget_goes_and_what_is_in_use_stays(
    environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "gc"]) == 0
    with environment.with_suffix(".lock").open() as used:
        fcntl.flock(used, fcntl.LOCK_SH)
        assert main(["cache", "gc", "--budget", "0"]) == 0
        assert main(["cache", "list"]) == 0
        assert "in use" in capsys.readouterr().out
    assert environment.is_dir()
    assert main(["cache", "gc", "--budget", "0"]) == 0
    assert not environment.exists()
    assert "Removed 1, 3.0 MiB; left 0, 0 B." in capsys.readouterr().out


def test_a_budget_below_nothing_is_a_mistake_of_usage(
    elsewhere_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "gc", "--budget", "-1"]) == 2
    assert "The option --budget is -1, but must be a whole number" in capsys.readouterr().err


def test_runs_go_by_their_age_but_not_those_that_go_on_or_hold_the_only_copy(
    elsewhere_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(elsewhere_home)
    old, new, running, waiting = (home.run(name * 32, 1).create() for name in "abcd")
    for at, folder in enumerate((old, new, waiting)):
        (folder.files / "weights").write_bytes(bytes(1000))
        folder.acked.touch()
        os.utime(folder.acked, (1000 + at, 1000 + at))
    waiting.waiting.mkdir()
    (waiting.waiting / "note").touch()

    assert main(["cache", "gc", "runs", "--budget", "2500"]) == 0
    assert "Removed runs aaaaaaaaaaaa: task aaaa" in capsys.readouterr().out
    assert [one.path.is_dir() for one in (old, new, running, waiting)] == [False, True, True, True]
    assert main(["cache", "clear", "mirrors"]) == 0
    assert new.path.is_dir()
    assert main(["cache", "clear"]) == 0
    assert [one.path.is_dir() for one in (new, running, waiting)] == [False, True, True]


def test_a_kind_that_is_not_there_is_a_mistake_of_usage(
    elsewhere_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["cache", "clear", "wheels"])
    assert (
        "'wheels' is none of environments, mirrors, data, runs, checkpoints"
        in capsys.readouterr().err
    )


def test_checkpoints_of_a_task_that_runs_stay(elsewhere_home: Path) -> None:
    home = Home(elsewhere_home)
    for name in "ab":
        (home.checkpoints / (name * 32)).mkdir(parents=True)
        (home.checkpoints / (name * 32) / "step-3.pt").touch()
    home.run("a" * 32, 2).create()
    assert main(["cache", "clear"]) == 0
    assert [path.name for path in home.checkpoints.iterdir()] == ["a" * 32]
