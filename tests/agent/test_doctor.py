"""The doctor finds what is wrong with a machine, and says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from elsewhere.store.redis.connection import connect
from tests.agent.running import call


def found(**environ: str) -> tuple[int, dict[str, str]]:
    """The exit code, and the text about each thing."""
    told = call("doctor", COLUMNS="400", **environ)
    assert told.stderr == ""
    texts: dict[str, str] = {}
    for line in told.stdout.splitlines():
        about, _, text = line.partition(" ")
        texts[about] = f"{texts.get(about, '')} {text.strip()}".strip()
    return told.returncode, texts


def test_a_machine_that_has_all_is_good(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, elsewhere_home: Path
) -> None:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    code, texts = found()
    assert code == 0, texts
    assert list(texts) == [
        *("configuration", "home", "disk", "Redis", "access", "git", "Python", "GPUs", "docker")
    ]
    assert texts["Redis"].startswith("good"), texts
    assert texts["home"].startswith(f"good  {elsewhere_home} can be written"), texts


def test_what_is_wrong_is_bad_with_what_to_do(
    redis_url: str, elsewhere_home: Path, tmp_path: Path
) -> None:
    with connect(redis_url) as redis:
        before = redis.config_get("maxmemory-policy")["maxmemory-policy"]
        redis.config_set("maxmemory-policy", "allkeys-lru")
        try:
            code, texts = found(
                ELSEWHERE_REDIS_URL=redis_url,
                ELSEWHERE_AGENT_FREE_BYTES=str(1 << 60),
                PATH=str(tmp_path),
            )
        finally:
            redis.config_set("maxmemory-policy", before)
    assert code == 1
    assert "maxmemory-policy from allkeys-lru to noeviction" in texts["Redis"]
    assert "agent cache gc" in texts["disk"]
    assert texts["git"].startswith("bad")
    config = elsewhere_home / "config.toml"
    config.write_text('[agent.git_credentials."g.org"]\nuser = "u"\ntoken_file = "/nowhere"\n')
    config.chmod(0o644)
    code, texts = found(ELSEWHERE_REDIS_URL="unix:///nowhere/redis.sock")
    assert code == 1
    assert texts["Redis"].startswith("bad"), texts
    assert "The token for g.org cannot be read" in texts["configuration"]
    config.write_text(f'[agent.docker]\nenabled = true\nurl = "unix://{tmp_path}/none.sock"\n')
    code, texts = found(ELSEWHERE_REDIS_URL=redis_url)
    assert code == 1
    assert f"The container engine cannot be reached at unix://{tmp_path}" in texts["docker"]
    config.write_text("")
    assert f"chmod 600 {config}" in found(ELSEWHERE_REDIS_URL=redis_url)[1]["configuration"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_home_of_another_user_is_bad(elsewhere_home: Path, redis_url: str) -> None:
    elsewhere_home.mkdir(exist_ok=True)
    os.chown(elsewhere_home, 12345, -1)
    code, texts = found(ELSEWHERE_REDIS_URL=redis_url)
    assert code == 1
    assert "belongs to another user" in texts["home"]
