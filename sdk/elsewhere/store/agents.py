"""The agents that report to the store, as others see them. RQ's tools see them as RQ workers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elsewhere.core.codec import decode
from elsewhere.core.errors import RecordError
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors

if TYPE_CHECKING:
    from redis import Redis

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecord:
    """An agent as others see it. `waiting`: files that it could not upload yet, each as the name of
    the run folder and a sentence. `problems`: sentences for its operator."""

    name: str
    machine: str
    host: str
    pid: int
    home: str
    version: str
    queues: tuple[str, ...]
    slots: int
    started_at: float
    running: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def registered_agents(redis: Redis) -> list[AgentRecord]:
    """All agents that have reported within the last minute, by name."""
    with redis_errors():
        names = sorted(redis.scan_iter(f"{keys.agent('')}*"))
        found = redis.mget(names) if names else []
    return [record for item in found if item and (record := _readable(item))]


def _readable(item: bytes | str) -> AgentRecord | None:
    """Reads a record; None for one of a newer version or not an agent's: the others are shown."""
    try:
        return decode(AgentRecord, item)
    except RecordError as error:
        logger.warning("an agent is left out. %s", error)
        return None
