"""The store: records, states and reports of tasks, in Redis. Only this package knows its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder
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


def lent_store(folder: RunFolder) -> RedisStore:
    """Opens the store that the agent lends to the program of the run in `folder`. Raises UsageError
    where it lends none, and StoreUnavailableError."""
    from elsewhere.core.errors import UsageError  # noqa: PLC0415
    from elsewhere.core.notes import Lent  # noqa: PLC0415

    lent = Lent.read(folder)
    if lent is None:
        raise UsageError(
            "This run cannot reach the store: the agent's setting store_access is 'none', so a task"
            " can only report on itself. Set it to 'read' to read other tasks from inside, or to"
            " 'full' to change and enqueue them, too."
        )
    return connect_store(lent.url)


def usable_store(settings: Settings) -> RedisStore:
    """Opens the store that this process may use: in an agent's run the one that it lends, else the
    configured one. Raises UsageError in a run that is lent none, and StoreUnavailableError."""
    from elsewhere.core.folders import run_folder  # noqa: PLC0415

    folder = run_folder()
    return open_store(settings) if folder is None else lent_store(folder)


def connect_store(url: str) -> RedisStore:
    """Connects to the store at `url`, which is known to be right. Raises StoreUnavailableError."""
    from elsewhere.store.redis.connection import connect  # noqa: PLC0415
    from elsewhere.store.redis.store import RedisStore  # noqa: PLC0415

    return RedisStore(connect(url))
