"""What tests of frameworks get: programs that use them, and the import of a SummaryWriter."""

from __future__ import annotations

import pytest

from elsewhere.store.redis.store import RedisStore
from tests.sdk.hooks.frameworks.programs import Programs
from tests.sdk.hooks.frameworks.writers import LIBRARIES, importing
from tests.sdk.scripts import Scripts


@pytest.fixture
def programs(scripts: Scripts, store: RedisStore) -> Programs:
    return Programs(scripts, store)


@pytest.fixture(params=LIBRARIES)
def writer(request: pytest.FixtureRequest) -> str:
    """The line that imports the SummaryWriter of a library."""
    return importing(request.param)
