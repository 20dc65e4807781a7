"""The look at leftovers sees what it must, or no other test could be trusted to clean up."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import psutil
import redis

from tests.leaks import Before, end_and_name_leftovers
from tests.redis_server import RedisServer
from tests.waiting import wait_until


def test_a_child_left_behind_is_named_and_ended(elsewhere_home: Path) -> None:
    before = Before()
    with subprocess.Popen(["sleep", "60"], env={}) as child:
        left = end_and_name_leftovers(before, elsewhere_home, within_s=0)
        assert left == [f"process {child.pid}: sleep 60"]
        assert child.wait(timeout=10) < 0


def test_a_process_that_left_the_tree_is_found_by_its_home(elsewhere_home: Path) -> None:
    before = Before()
    started = subprocess.run(
        ["sh", "-c", "setsid sleep 60 >/dev/null 2>&1 & echo $!"],
        capture_output=True,
        text=True,
        check=True,
    )
    orphan = psutil.Process(int(started.stdout))
    wait_until(lambda: orphan.cmdline() == ["sleep", "60"])
    left = end_and_name_leftovers(before, elsewhere_home, within_s=0)
    assert left == [f"process {orphan.pid}: sleep 60"]
    wait_until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)


def test_a_thread_left_behind_is_named(elsewhere_home: Path) -> None:
    before = Before()
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten")
    thread.start()
    try:
        left = end_and_name_leftovers(before, elsewhere_home, within_s=0)
        assert left == ["thread forgotten"]
    finally:
        end.set()
        thread.join()


def test_nothing_is_named_when_nothing_is_left(elsewhere_home: Path, redis_url: str) -> None:
    assert end_and_name_leftovers(Before(), elsewhere_home, within_s=0) == []


def test_a_server_killed_keeps_what_it_confirmed(short_path: Path) -> None:
    with (
        RedisServer(short_path, append_only=True) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        client.set("key", "value")
        server.kill()
        server.start()
        assert client.get("key") == b"value"
