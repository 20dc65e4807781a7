"""The command: help, mistakes, and what needs no daemon."""

from __future__ import annotations

import json
import stat
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from elsewhere.core.folders import Home
from elsewhere.store.agents import AgentRecord
from elsewhere.store.redis import embedded
from elsewhere.store.redis.connection import connect
from elsewhere_worker.registration import Registration
from tests.agent.running import CALL, call, running_daemon

COMMANDS = ("daemon", "stop", "status", "execute", "init", "config", "demo")


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)])
def test_help_explains_itself(words: tuple[str, ...]) -> None:
    told = call(*words, "--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(" ".join(("usage: agent", *words)))
    if not words:
        assert all(f"    {name} " in told.stdout for name in COMMANDS)
        assert "print the version and leave" in told.stdout
    else:
        assert f"\nexample:\n  agent {words[0]}" in told.stdout
        assert all(len(line) < 81 for line in told.stdout.splitlines())


def test_the_version_is_told() -> None:
    assert call("--version").stdout == f"elsewhere {version('elsewhere')}\n"


def test_what_the_extra_installs_is_missed_in_one_sentence() -> None:
    code = f"import sys; sys.modules['pydantic'] = None; {CALL[-1]}"
    told = subprocess.run([*CALL[:-1], code, "config"], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    (line,) = told.stderr.splitlines()
    assert "The package pydantic is missing" in line
    assert "'elsewhere[agent]'" in line


@pytest.mark.parametrize("words", [("config",), ("init",)])
def test_output_that_cannot_be_written_is_one_sentence(
    words: tuple[str, ...], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    monkeypatch.setenv("PYTHONUNBUFFERED", "")
    with Path("/dev/full").open("wb") as full:
        told = subprocess.run([*CALL, *words], stdout=full, stderr=subprocess.PIPE, check=False)
    assert told.returncode == 1
    assert told.stderr == b"agent: The output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("option", ["--foreground", "--detached"])
def test_a_daemon_without_room_on_its_disk_names_the_file(
    option: str, elsewhere_home: Path
) -> None:
    limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *CALL, "daemon", "--name", "box", option]
    told = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    lock = elsewhere_home / "agents" / "box" / "lock"
    assert told.stderr == f"agent: {lock} cannot be used: File too large.\n"


def test_a_log_that_cannot_be_opened_is_named(elsewhere_home: Path) -> None:
    log = elsewhere_home / "agents" / "box" / "agent.log"
    log.mkdir(parents=True)
    told = call("daemon", "--detached", "--name", "box")
    assert told.returncode == 1
    assert told.stderr == f"agent: {log} cannot be used: Is a directory.\n"


@pytest.mark.parametrize(
    "words",
    [
        ("deamon",),
        ("execute",),
        ("daemon", "--slots", "many"),
        ("daemon", "--slots", "0"),
        ("daemon", "--name", "a/b"),
        ("daemon", "--foreground", "--detached"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_sentence(words: tuple[str, ...]) -> None:
    told = call(*words)
    assert told.returncode == 2
    assert told.stdout == ""
    assert "agent" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_broken_config_file_is_one_sentence(elsewhere_home: Path) -> None:
    config = elsewhere_home / "config.toml"
    for text, expected in [
        ("[agent\n", "are not valid TOML"),
        ("[agent]\nslot = 2\n", "unknown key 'slot'. Did you mean 'slots'?"),
    ]:
        config.write_text(text)
        for words in (("config",), ("daemon",), ("daemon", "--detached")):
            told = call(*words)
            assert told.returncode == 1
            assert told.stdout == ""
            assert expected in told.stderr
            assert str(config) in told.stderr
            assert told.stderr.count("\n") == 1


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = call(
        "daemon", ELSEWHERE_HOME=str(tmp_path / "file" / "home"), ELSEWHERE_REDIS_URL="unix:///no"
    )
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert str(tmp_path / "file") in told.stderr


def test_config_shows_values_with_their_origin_and_no_secret(elsewhere_home: Path) -> None:
    (elsewhere_home / "config.toml").write_text("[agent]\nslots = 4\n")
    url = "redis://user:hidden@host:1/0"
    told = call("config", "--json", ELSEWHERE_REDIS_URL=url)
    found = json.loads(told.stdout)
    assert found["agent.slots"] == {"value": 4, "origin": str(elsewhere_home / "config.toml")}
    assert found["redis_url"] == {
        "value": "redis://user:***@host:1/0",
        "origin": "ELSEWHERE_REDIS_URL",
    }
    table = call("config", ELSEWHERE_REDIS_URL=url, COLUMNS="20")  # of no meaning for a pipe
    assert table.returncode == 0
    assert "hidden" not in table.stdout
    rows = [line.split() for line in table.stdout.splitlines()]
    assert ["agent.slots", "4", f"{elsewhere_home}/config.toml"] in rows


def test_init_writes_what_can_be_read_again_and_never_overwrites(
    elsewhere_home: Path, redis_url: str
) -> None:
    config = elsewhere_home / "config.toml"
    refused = call("init", "--redis-url", "unix:///nowhere.sock")
    assert refused.returncode == 1
    assert "there is no such socket" in refused.stderr
    assert not config.exists()

    told = call("init", "--redis-url", redis_url)
    assert told.returncode == 0
    assert f"{config} is written" in told.stdout
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    found = json.loads(call("config", "--json").stdout)
    assert found["redis_url"] == {"value": redis_url, "origin": str(config)}
    assert found["agent.slots"]["origin"] == "default"

    before = config.read_bytes()
    again = call("init")
    assert again.returncode == 0
    assert "kept as they are" in again.stdout
    other = call("init", "--redis-url", "redis://other")
    assert other.returncode == 1
    assert "Set redis_url there." in other.stderr
    assert config.read_bytes() == before


def test_init_without_a_url_uses_the_embedded_server(elsewhere_home: Path) -> None:
    try:
        told = call("init")
        assert told.returncode == 0, told.stderr
        assert f"unix://{elsewhere_home}/server/valkey.sock answers" in told.stdout
    finally:
        embedded.stop(Home(elsewhere_home))


def test_status_without_anyone_says_what_to_do(redis_url: str) -> None:
    told = call("status", ELSEWHERE_REDIS_URL=redis_url)
    assert told.returncode == 0
    assert "agent daemon --queue default" in told.stdout
    assert "nobody" in told.stdout


def test_status_shows_agents_and_queues(redis_url: str, tmp_path: Path) -> None:
    where = {"ELSEWHERE_REDIS_URL": redis_url}
    options = ("--queue", "b", "--queue", "a", "--slots", "3", "--name", "box")
    with running_daemon(tmp_path, *options, ELSEWHERE_REDIS_URL=redis_url) as daemon:
        found = json.loads(call("status", "--json", **where).stdout)
        (agent,) = found["agents"]
        assert (agent["name"], agent["queues"], agent["slots"]) == ("box", ["b", "a"], 3)
        assert (agent["pid"], agent["running"]) == (daemon.process.pid, [])
        assert found["queues"] == {"a": 0, "b": 0, "default": 0}
        table = call("status", **where).stdout
        assert "b, a" in table
        assert str(daemon.process.pid) in table


def test_status_shows_the_tasks_that_run_by_their_short_ids(redis_url: str) -> None:
    task_id = "0123456789abcdef" * 2
    with connect(redis_url) as client:
        record = AgentRecord(
            name="box",
            machine="m",
            host="h",
            pid=1,
            home="/home",
            version="1",
            queues=("default",),
            slots=1,
            started_at=1.0,
        )
        registration = Registration(client, record)
        registration.begin()
        waiting = [f"{task_id}.1 The artifact 'a' waits. No driver."]
        registration.renew([f"{task_id}.2"], waiting, ["The disk is [full]."])
        where = {"ELSEWHERE_REDIS_URL": redis_url}
        lines = call("status", **where).stdout.splitlines()
        agent, waits = (line.split() for line in lines if line.startswith("box "))
        assert agent[5] == task_id[:8]
        assert " ".join(waits) == f"box {task_id[:8]} The artifact 'a' waits. No driver."
        assert "box: The disk is [full]." in lines
        (plain,) = json.loads(call("status", "--json", **where).stdout)["agents"]
        assert plain["running"] == [f"{task_id}.2"]
        assert plain["problems"] == ["The disk is [full]."]
        registration.end()
        registration.renew([])
        assert json.loads(call("status", "--json", **where).stdout)["agents"] == []


def test_a_store_that_is_not_there_is_one_sentence() -> None:
    told = call("status", ELSEWHERE_REDIS_URL="unix:///nowhere.sock")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.count("\n") == 1
    assert "The Redis at unix:///nowhere.sock cannot be used" in told.stderr


def test_execute_of_an_unknown_task_is_one_sentence(redis_url: str) -> None:
    told = call("execute", "--id", "0" * 32, ELSEWHERE_REDIS_URL=redis_url)
    assert told.returncode == 1
    assert "There is no task" in told.stderr
    assert "Traceback" not in told.stderr
