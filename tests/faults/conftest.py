"""What every fault test gets: a server of its own, a machine, and a place for traces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.folders import Home
from elsewhere.store import connect_store
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import Machine
from tests.redis_server import RedisServer


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by all machines of all test processes, so that each environment is built once."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "environments"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def server(short_path: Path) -> Iterator[RedisServer]:
    """It loses nothing when it is killed."""
    with RedisServer(short_path, append_only=True) as server:
        yield server


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    store = connect_store(server.url)
    yield store
    store.close()


@pytest.fixture
def machine(elsewhere_home: Path, server: RedisServer, environments: Path) -> Iterator[Machine]:
    machine = Machine(Home(elsewhere_home), server.url, environments)
    yield machine
    machine.close()
