"""The commands on the environments of this machine."""

from __future__ import annotations

import fcntl
import json
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
    assert "a==1, p0==1, p1==1, p2==1 and 6 more" in " ".join(printed.split())
    assert "1 environment, 3.0 MiB of the 46.6 GiB that agent.environments_bytes" in printed
    assert main(["cache", "list", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["digest"], one["is_in_use"], len(one["requirements"])) == ("ab" * 16, False, 10)


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
    assert "Removed 1 environment, 3.0 MiB; left 0 environments, 0 B." in capsys.readouterr().out


def test_a_budget_below_nothing_is_a_mistake_of_usage(
    elsewhere_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "gc", "--budget", "-1"]) == 2
    assert "The option --budget is -1, but must be a whole number" in capsys.readouterr().err
