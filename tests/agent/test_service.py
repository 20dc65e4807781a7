"""The units of systemd, as systemd itself reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from elsewhere_agent.service import unit
from tests.agent.running import call

UNITS = Path(__file__).parents[2] / "systemd"


@pytest.mark.parametrize("name", ["elsewhere-agent.service", "elsewhere-agent@.service"])
def test_the_units_that_come_along_are_those_that_are_written(name: str) -> None:
    text = unit(
        user="elsewhere",
        home=Path("/var/lib/elsewhere"),
        agent=Path("/opt/elsewhere/bin/agent"),
        per_queue="@" in name,
        is_system=True,
    )
    assert (UNITS / name).read_text() == text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
@pytest.mark.skipif(os.getuid() != 0, reason="only root installs a service of the system")
@pytest.mark.parametrize("options", [(), ("--per-queue",)], ids=["one", "per queue"])
def test_what_is_installed_is_verified_by_systemd(tmp_path: Path, options: tuple[str, ...]) -> None:
    told = call("install-service", "--folder", str(tmp_path), *options)
    assert told.returncode == 0, told.stderr
    assert "enable --now elsewhere-agent" in told.stdout
    (path,) = tmp_path.iterdir()
    text = path.read_text()
    assert f"\nExecStart={Path(sys.executable).with_name('agent')} daemon --foreground" in text
    if options:
        path = path.rename(tmp_path / "elsewhere-agent@large.service")
    _verify(path)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
@pytest.mark.skipif(not Path("/usr/bin/redis-server").exists(), reason="there is no redis-server")
def test_the_unit_of_the_redis_is_verified_by_systemd_and_closed_to_the_rest() -> None:
    path = UNITS / "elsewhere-redis.service"
    _verify(path)
    looked = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(path)]
    assert subprocess.run(looked, capture_output=True, check=False).returncode == 0


def test_a_users_own_unit_has_nothing_that_only_the_system_may() -> None:
    text = unit(
        user="ada", home=Path("/h/.elsewhere"), agent=Path("/a"), per_queue=False, is_system=False
    )
    assert "\nUser=" not in text
    assert "Protect" not in text
    assert "WantedBy=default.target" in text


def test_wrong_users_and_paths_are_one_sentence(tmp_path: Path) -> None:
    told = call("install-service", "--user", "nobody-there", "--folder", str(tmp_path))
    assert (told.returncode, told.stderr.count("\n")) == (2, 1), told.stderr
    told = call("install-service", "--folder", str(tmp_path), ELSEWHERE_HOME="/a b")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1), told.stderr
    assert not list(tmp_path.iterdir())


def _verify(path: Path) -> None:
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stderr) == (0, "")
