"""The store: records, states and reports of tasks, in Redis. Only this package knows its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elsewhere.core.settings import Settings
    from elsewhere.store.redis.store import RedisStore


def store_url(settings: Settings) -> str:
    """The configured URL, with full paths, or that of the embedded server, which is started if need
    be."""
    from elsewhere.store.redis import embedded, tls  # noqa: PLC0415 - weight, as all imports here

    if settings.redis_url:
        return tls.with_full_paths(settings.redis_url, settings.config.parent)
    return embedded.ensure(settings.home)


def open_store(settings: Settings) -> RedisStore:
    """Opens the configured store. Raises StoreUnavailableError within a few seconds."""
    from elsewhere.core.errors import StoreUnavailableError  # noqa: PLC0415

    url = store_url(settings)
    try:
        return connect_store(url)
    except StoreUnavailableError:
        if settings.redis_url:
            raise
    # The embedded server may have ended, idle, just between the two steps.
    return connect_store(store_url(settings))


def connect_store(url: str) -> RedisStore:
    """Connects to the store at `url`, which is known to be right. Raises StoreUnavailableError."""
    from elsewhere.store.redis.connection import connect  # noqa: PLC0415
    from elsewhere.store.redis.store import RedisStore  # noqa: PLC0415

    return RedisStore(connect(url))
