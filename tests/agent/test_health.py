"""The health of a daemon: its endpoints, and what it reports to systemd."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from elsewhere.core.choices import Status
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from elsewhere_agent.health import Health
from elsewhere_agent.notify import Notifier, Watchdog
from elsewhere_agent.vitals import Vitals
from elsewhere_worker.pulse import Pulse
from tests.agent.running import call, draft, enqueue, running_daemon
from tests.redis_server import RedisServer
from tests.waiting import wait_until


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisStore]:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    store = RedisStore(connect(redis_url))
    yield store
    store.close()


class OnSocket(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


def get(place: str, path: str) -> tuple[int, str]:
    kind = OnSocket if place.startswith("/") else http.client.HTTPConnection
    connection = kind(place, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def numbers(place: str) -> dict[str, float]:
    families = text_string_to_metric_families(get(place, "/metrics")[1])
    return {
        ",".join((sample.name.removeprefix("elsewhere_agent_"), *sample.labels.values())): (
            sample.value
        )
        for family in families
        for sample in family.samples
    }


def test_what_is_served_is_what_runs(store: RedisStore, tmp_path: Path, short_path: Path) -> None:
    place = str(short_path / "health")
    with running_daemon(tmp_path, "--name", "box", "--health", place, "--slots", "3"):
        assert get(place, "/healthz") == (200, "ok\n")
        good, bad = draft(store, tmp_path, "print()"), draft(store, tmp_path, "raise SystemExit(3)")
        for task_id in (good, bad):
            enqueue(store, task_id)
        wait_until(lambda: store.state(bad).status is Status.FAILED, within_s=20)
        wait_until(lambda: store.state(good).status is Status.COMPLETED, within_s=20)
        wait_until(lambda: numbers(place)["running"] == 0)
        shown = json.loads(get(place, "/status.json")[1])
        assert (shown["name"], shown["state"], shown["slots"]) == ("box", "working", 3)
        assert shown["ended"] == {"completed": 1, "program_failed": 1}
        found = numbers(place)
        assert found["tasks_taken_total"] == 2
        assert found["attempts_ended_total,program_failed"] == 1
        assert (found["slots"], found["working"], found["store_reachable"]) == (3, 1, 1)
        assert call("pause").returncode == 0
        wait_until(lambda: numbers(place)["working"] == 0)
        assert get(place, "/secrets")[0] == 404
    assert not Path(place).exists()


def test_a_port_is_one_of_the_loopback_and_an_outage_is_seen_but_no_reason_to_restart(
    short_path: Path, tmp_path: Path
) -> None:
    with (
        RedisServer(short_path) as server,
        running_daemon(
            tmp_path, "--health", "0", "--name", "box", ELSEWHERE_REDIS_URL=server.url
        ) as daemon,
    ):
        place = re.findall(r"/metrics at (\S+)", daemon.log)[0]
        assert place.startswith("127.0.0.1:")
        server.kill()
        wait_until(lambda: numbers(place)["store_reachable"] == 0, within_s=20)
        assert get(place, "/healthz") == (200, "ok\n")
        server.start()
        wait_until(lambda: numbers(place)["store_reachable"] == 1, within_s=20)


@pytest.mark.usefixtures("store")
def test_a_place_that_cannot_be_had_is_one_sentence(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.touch()
    for place in (str(taken), "192.0.2.1:9", "99999"):
        told = call("daemon", "--health", place)
        assert (told.returncode, told.stderr.count("agent: ")) == (1, 1)
        assert f"cannot be served at {place}: " in told.stderr
    assert call("daemon", "--health", "a b").returncode == 2
    assert taken.exists()


@pytest.mark.usefixtures("store")
def test_systemd_is_told_when_it_is_up_reloads_lives_and_stops(
    tmp_path: Path, short_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(short_path / "notify"))
        receiver.settimeout(20)
        environ = {"NOTIFY_SOCKET": str(short_path / "notify"), "WATCHDOG_USEC": "1500000"}
        got: list[str] = []

        def receive(start: str) -> None:
            while not got or not got[-1].startswith(start):
                got.append(receiver.recv(4096).decode())

        with running_daemon(tmp_path, is_up=False, **environ) as daemon:
            receive("READY=1")
            receive("WATCHDOG=1")
            daemon.process.send_signal(signal.SIGHUP)
            receive("RELOADING=1\nMONOTONIC_USEC=")
            receive("READY=1")
            assert daemon.end() == 0
            receive("STOPPING=1")


def test_a_thread_that_hangs_gets_no_sign_of_life(short_path: Path) -> None:
    class Hanging(Vitals):
        looks = 0

        def __init__(self) -> None: ...

        def hanging(self) -> list[str]:
            self.looks += 1
            return ["The thread that is to take has hung for 90 s."]

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(short_path / "notify"))
        receiver.setblocking(False)
        vitals = Hanging()
        watchdog = Watchdog(Notifier(str(short_path / "notify"), 0.03), vitals)
        watchdog.start()
        wait_until(lambda: vitals.looks > 2)
        watchdog.end()
        watchdog.join()
        with pytest.raises(BlockingIOError):
            receiver.recv(4096)


def test_a_thread_that_hangs_is_named_and_no_health(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse, now = Pulse(), [1000.0]
    monkeypatch.setattr("elsewhere_worker.pulse.monotonic_s", lambda: now[0])
    worker: Any = SimpleNamespace(pulse=pulse, settings=SimpleNamespace(renew_s=2.0))
    unused: Any = None
    health = Health(str(short_path / "health"), Vitals(unused, worker, unused))
    health.start()
    for work in ("take", "renew"):
        pulse.beat(work)
    now[0] += 61
    assert get(health.place, "/healthz") == (200, "ok\n")
    pulse.beat("take")
    now[0] += 2
    hangs = "The thread that is to renew has hung for 63 s.\n"
    assert get(health.place, "/healthz") == (503, hangs)
    health.end()


def test_what_systemd_gave_the_daemon_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
    monkeypatch.setenv("WATCHDOG_USEC", "5000000")
    notifier = Notifier.taken()
    assert notifier.watchdog_s == 5.0
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & os.environ.keys()
    notifier.ready()  # nobody is there: no error
