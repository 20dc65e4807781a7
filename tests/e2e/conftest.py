"""One box for all stories that a test process tells, and a laptop for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from elsewhere.store.redis.store import RedisStore
from tests.e2e.world import Box, Laptop, World, make_venv, make_wheels
from tests.engine import PYTHON, Dockerd
from tests.redis_server import RedisServer
from tests.sdk.scripts import Scripts
from tests.stores import opened
from tests.waiting import wait_until


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with TemporaryDirectory(prefix="ew-", dir="/tmp") as name:
        folder = Path(name)
        make_wheels(folder / "wheels")
        python = make_venv(folder / "venv")
        with RedisServer(folder) as server:
            box = Box(folder / "box", server.url, folder / "wheels")
            box.start()
            yield World(server.url, python, folder / "wheels", box)
            box.stop()


@pytest.fixture
def box(world: World) -> Iterator[Box]:
    """Its agent serves the queue `default`. No program may be left on it."""
    yield world.box
    wait_until(lambda: not world.box.programs(), what="the box is idle")


@pytest.fixture(scope="module")
def ship(world: World, engine: Dockerd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box whose tasks run in containers, of the image with Python where they name none. It serves
    the queue `ships`."""
    folder = tmp_path_factory.mktemp("ship")
    where = {"DOCKER_HOST": engine.url, "ELSEWHERE_AGENT_NAME": "ship"}
    options = ("--queue", "ships", "--docker", PYTHON, "--env", "DEFAULT=set")
    box = Box(folder, world.url, world.wheels, *options, environ=where)
    box.start()
    yield box
    box.stop()


@pytest.fixture
def laptop(world: World, tmp_path: Path) -> Laptop:
    return Laptop(world.python, tmp_path, world.box.store, world.url)


@pytest.fixture
def scripts(tmp_path: Path, redis_url: str) -> Scripts:
    """Of somebody who has a store and no agent."""
    return Scripts(tmp_path, redis_url)


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    """That store."""
    with opened(redis_url) as store:
        yield store
