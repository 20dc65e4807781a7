"""What tests of progress get: programs that show bars."""

from __future__ import annotations

import pytest

from elsewhere.store.redis.store import RedisStore
from tests.sdk.hooks.frameworks.programs import Programs
from tests.sdk.scripts import Scripts


@pytest.fixture
def programs(scripts: Scripts, store: RedisStore) -> Programs:
    return Programs(scripts, store)
