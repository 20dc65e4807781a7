"""The stores that there are: the contract suites of the store run against each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import pytest

from elsewhere.store.api import TaskStore
from elsewhere.store.folder.store import FolderStore
from elsewhere.store.redis.store import RedisStore
from tests.contracts.insides import InFolder, InRedis, Inside
from tests.stores import opened

_Both = tuple[TaskStore, Inside]


@contextmanager
def _on_server(url: str) -> Iterator[_Both]:
    with opened(url) as store:
        yield store, InRedis(store)


@contextmanager
def _in_folder(path: str) -> Iterator[_Both]:
    root = Path(path, "session")
    store = FolderStore(root)
    yield store, InFolder(store, root)


#: name -> what opens it, empty, at the place of that name
STORES: Final[dict[str, Callable[[str], AbstractContextManager[_Both]]]] = {
    "redis": _on_server,
    "valkey": _on_server,
    "folder": _in_folder,
}
SERVERS: Final = ("redis", "valkey")


@pytest.fixture
def _places(redis_url: str, valkey_url: str, tmp_path: Path) -> dict[str, str]:
    return {"redis": redis_url, "valkey": valkey_url, "folder": str(tmp_path)}


@pytest.fixture(params=STORES)
def _store_and_inside(request: pytest.FixtureRequest, _places: dict[str, str]) -> Iterator[_Both]:
    with STORES[request.param](_places[request.param]) as both:
        yield both


@pytest.fixture
def store(_store_and_inside: _Both) -> TaskStore:
    """Each store there is."""
    return _store_and_inside[0]


@pytest.fixture
def inside(_store_and_inside: _Both) -> Inside:
    """The way behind the back of `store`."""
    return _store_and_inside[1]


@pytest.fixture(params=SERVERS)
def redis_store(request: pytest.FixtureRequest, _places: dict[str, str]) -> Iterator[RedisStore]:
    """Each store that has queues."""
    with opened(_places[request.param]) as store:
        yield store
