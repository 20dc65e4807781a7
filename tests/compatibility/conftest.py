"""What the commit before has left: its store in a real server, its home on disk, and an agent."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis

from elsewhere import Task
from tests.compatibility import reading
from tests.compatibility.insides import machine_id
from tests.compatibility.kept import Places, load_folder, load_store
from tests.e2e.world import Box, make_wheels
from tests.redis_server import RedisServer


@dataclass(frozen=True)
class Kept:
    """One copy of all that is kept. `expected` is what the commit before read, and made of it."""

    url: str
    home: Path
    expected: Any

    @classmethod
    def load(cls, url: str, home: Path) -> Kept:
        places = Places(
            {
                "HOME": str(home),
                "URL": url,
                "HOST": os.uname().nodename,
                "MACHINE": machine_id(),
                "BOOT": "a boot before this one",
                "PYTHON": platform.python_version(),
            }
        )
        with redis.Redis.from_url(url) as client:
            load_store(client, places.read("store.json"))
        load_folder(places.read("home.json"), home)
        return cls(url, home, reading.trimmed(places.read("expected.json")))

    def id(self, name: str) -> str:
        """By the name that `make.py` gives a task."""
        found: str = self.expected["ids"][name]
        return found

    def model(self, name: str) -> str:
        """Its id."""
        (found,) = (key for key, one in self.expected["models"].items() if one["name"] == name)
        return str(found)

    def task(self, name: str) -> Task:
        found = Task.get_task(task_id=self.id(name))
        assert found is not None
        return found


@pytest.fixture
def kept(redis_url: str, elsewhere_home: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """Also the store and the home that this process, and those that it starts, use."""
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    return Kept.load(redis_url, elsewhere_home)


@pytest.fixture(scope="module")
def machine() -> Iterator[tuple[Kept, Box]]:
    """All that is kept, and the agent of that home, which has come back."""
    with TemporaryDirectory(prefix="ew-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        make_wheels(folder / "wheels")
        with RedisServer(folder) as server:
            kept = Kept.load(server.url, folder / "home")
            box = Box(folder, server.url, folder / "wheels", home=kept.home)
            box.start()
            try:
                yield kept, box
            finally:
                box.stop()


@pytest.fixture
def box(machine: tuple[Kept, Box]) -> Box:
    return machine[1]


@pytest.fixture
def on_box(machine: tuple[Kept, Box], box: Box, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """Like `kept`, where the agent is."""
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", box.environ["ELSEWHERE_REDIS_URL"])
    monkeypatch.setenv("ELSEWHERE_HOME", str(machine[0].home))
    return machine[0]
