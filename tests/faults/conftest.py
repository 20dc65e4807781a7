"""What every fault test gets: a server of its own, a machine, and a place for traces."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from elsewhere.core.folders import Home
from elsewhere.store import connect_store
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import PATIENCE_S, PROGRAMS, Machine, Probe, Script
from tests.redis_server import RedisServer
from tests.waiting import wait_until


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


@pytest.fixture
def start(machine: Machine, store: RedisStore, tmp_path: Path) -> Iterator[Callable[..., Script]]:
    scripts: list[Script] = []

    def start(name: str, end: str = "0") -> Script:
        """Returns when it is a task and prints."""
        traces = tmp_path / name
        traces.mkdir()
        program = Path(shutil.copy(PROGRAMS / "counting.py", traces))
        with (traces / "terminal").open("wb") as terminal:
            process = subprocess.Popen(
                [sys.executable, program, traces, end, "scalars"],
                cwd=traces,
                env=machine.environment,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=terminal,
            )
        mark = traces / "task"
        wait_until(mark.exists, within_s=PATIENCE_S, what=f"{name} is a task")
        task = Probe(mark.read_text(), traces, store)
        script = Script(process, task, machine.home.session(task.id, 1))
        scripts.append(script)
        task.wait_until_printing()
        return script

    yield start
    for script in scripts:
        script.process.kill()
        script.process.wait(timeout=PATIENCE_S)
