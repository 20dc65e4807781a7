"""The stores that there are: the contract suites of the store run against each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final

import pytest

from elsewhere.store.redis import RedisStore
from tests.stores import opened

#: name -> what opens it, empty, at the URL of an empty server
STORES: Final[dict[str, Callable[[str], AbstractContextManager[RedisStore]]]] = {"redis": opened}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, redis_url: str) -> Iterator[RedisStore]:
    with STORES[request.param](redis_url) as store:
        yield store
