"""Watching a store while something is done to it, as another process could."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from redis.connection import AbstractConnection

from elsewhere.store.folder.disk import Disk

Seen = TypeVar("Seen")


@contextmanager
def watching(look: Callable[[], Seen]) -> Iterator[list[Seen]]:
    """What `look` finds between the steps of a store in this block, and at its end.

    A step is what nobody can look into: a message to Redis (one command, a script, a transaction),
    or what is done to a folder under its lock.
    """
    seen: list[Seen] = []
    looks = [look]

    def looking(step: Callable[..., Any]) -> Callable[..., Any]:
        def look_and_go(*given: Any, **named: Any) -> Any:
            if looks:  # else this is a step of the look itself
                looks.clear()
                seen.append(look())
                looks.append(look)
            return step(*given, **named)

        return look_and_go

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((AbstractConnection, "send_packed_command"), (Disk, "locked")):
            patch.setattr(owner, name, looking(getattr(owner, name)))
        yield seen
    seen.append(look())
