"""What most tests of the SDK get: a store of their own, and scripts that use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import opened


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisStore]:
    """Also the one that this process, and those that it starts, are configured with."""
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    with opened(redis_url) as store:
        yield store


@pytest.fixture
def scripts(tmp_path: Path, redis_url: str) -> Scripts:
    """Outside git."""
    return Scripts(tmp_path, redis_url)
