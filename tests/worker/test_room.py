"""No task is taken without room on the disk, and caches give way before that."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from elsewhere.core.folders import Home
from elsewhere_worker.room import Room
from elsewhere_worker.settings import WorkerSettings


@pytest.fixture
def home(elsewhere_home: Path) -> Home:
    home = Home(elsewhere_home)
    folder = home.run("a" * 32, 1).create()
    (folder.files / "weights").write_bytes(bytes(1000))
    folder.acked.touch()
    return home


def room_of(home: Home, *, free_bytes: int = 0, runs_bytes: int = 10_000) -> Room:
    return Room(
        WorkerSettings(
            name="box",
            queues=("q",),
            home=home,
            url="redis://x",
            free_bytes=free_bytes,
            cache_budgets={"runs": runs_bytes},
        )
    )


def test_too_little_room_is_named_until_there_is_enough(home: Home) -> None:
    room = room_of(home, free_bytes=1 << 60)
    assert not room.is_enough()
    assert room.problem.startswith(f"No task is taken: the disk of {home.runs} on ")
    assert room_of(home).is_enough()
    assert room_of(home).problem == ""


def test_caches_give_way_where_room_is_missing_and_keep_to_their_budgets(home: Home) -> None:
    room_of(home).keep()
    assert len(list(home.runs.iterdir())) == 1
    room_of(home, runs_bytes=999).keep()
    assert list(home.runs.iterdir()) == []

    folder = home.run("b" * 32, 1).create()
    folder.acked.touch()
    room_of(home, free_bytes=shutil.disk_usage(home.path).free * 2).keep()
    assert list(home.runs.iterdir()) == []
