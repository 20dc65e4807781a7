"""What tests of the contract see, and change, behind a store's back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

import pytest

from elsewhere.core.choices import Status
from elsewhere.store.api import TaskStore
from elsewhere.store.folder.store import FolderStore
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore

#: a test of what a `SharedStore` has beside a `TaskStore`
on_servers = pytest.mark.parametrize("_store_and_inside", ["redis", "valkey"], indirect=True)


def servers(store: TaskStore) -> list[RedisStore]:
    """The store where it is a `SharedStore`: `for server in servers(store): ...`."""
    return [store] if isinstance(store, RedisStore) else []


class Inside(Protocol):
    def contents(self) -> dict[str, bytes]:
        """All that is kept, by where."""

    def lasting(self) -> dict[str, bytes]:
        """Without what stays when the last task goes."""

    def clear(self) -> None: ...

    def blob(self, digest: str) -> bytes: ...

    def set_blob(self, digest: str, data: bytes) -> None: ...

    def set_sweep(self, field: str, at: float) -> None: ...

    def waiting(self) -> set[str]:
        """The tasks that would be taken from a queue."""


class InRedis:
    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._redis = store.redis

    def contents(self) -> dict[str, bytes]:
        return {key.decode(): self._redis.dump(key) for key in sorted(self._redis.keys())}

    def lasting(self) -> dict[str, bytes]:
        stays = (keys.PROJECTS, keys.QUEUES, keys.DELETED)
        return {name: value for name, value in self.contents().items() if name not in stays}

    def clear(self) -> None:
        self._redis.flushall()

    def blob(self, digest: str) -> bytes:
        return bytes(self._redis.get(keys.blob(digest)))

    def set_blob(self, digest: str, data: bytes) -> None:
        self._redis.set(keys.blob(digest), data)

    def set_sweep(self, field: str, at: float) -> None:
        self._redis.hset(keys.SWEEP, field, repr(at))

    def waiting(self) -> set[str]:
        return set(self._store.queued(older_than_s=0))


class InFolder:
    def __init__(self, store: FolderStore, root: Path) -> None:
        self._store = store
        self._root = root

    def contents(self) -> dict[str, bytes]:
        return {
            path.relative_to(self._root).as_posix(): path.read_bytes()
            for path in sorted(self._root.rglob("*"))
            if path.is_file() and path.name != "lock"
        }

    def lasting(self) -> dict[str, bytes]:
        return {name: data for name, data in self.contents().items() if name != "store.json"}

    def clear(self) -> None:
        shutil.rmtree(self._root)
        self._root.mkdir()

    def blob(self, digest: str) -> bytes:
        return (self._root / "blobs" / digest).read_bytes()

    def set_blob(self, digest: str, data: bytes) -> None:
        (self._root / "blobs" / digest).write_bytes(data)

    def set_sweep(self, field: str, at: float) -> None:
        raise AssertionError(f"A folder sweeps nothing: {field} {at}")

    def waiting(self) -> set[str]:
        ids = [path.name for path in (self._root / "tasks").iterdir()]
        return {one for one in ids if self._store.state(one).status is Status.QUEUED}
