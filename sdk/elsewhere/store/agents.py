"""The agents that report to the store, as others see them. RQ's tools see them as RQ workers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, cast

from elsewhere.core.codec import decode
from elsewhere.core.errors import RecordError
from elsewhere.core.frozen import dataclass
from elsewhere.store.curves import UNIT_SEPARATOR
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors
from elsewhere.store.redis.records import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis import Redis

logger = logging.getLogger(__name__)

#: seconds that the last report of an agent is remembered
_SEEN_S: Final = 90 * 24 * 3600
#: seconds that a mode waits for an agent that is away
_ASKED_S: Final = 24 * 3600
_SETTLE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecord:
    """An agent as others see it. `waiting`: files that it could not upload yet, each as the name of
    the run folder and a sentence. `problems`: sentences for its operator. `passed_over`: tasks that
    it cannot run now, each as its id and a sentence. `serves_files`: others can read files of its
    machine through it, which older versions cannot. `closed`: why it takes no tasks now; empty
    while it takes some."""

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
    passed_over: tuple[str, ...] = ()
    gpus: int = 0
    serves_files: bool = False
    closed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The last report of an agent, which may be gone: `at` is in Unix seconds."""

    agent: str
    host: str
    at: float


def registered_agents(redis: Redis) -> list[AgentRecord]:
    """All agents that have reported within the last minute, by name."""
    with redis_errors():
        names = sorted(redis.scan_iter(f"{keys.agent('')}*"))
        found = redis.mget(names) if names else []
    return _records(found)


def agents_named(redis: Redis, names: Iterable[str]) -> list[AgentRecord]:
    """Those of these agents that have reported within the last minute, in the order of `names`."""
    wanted = [keys.agent(name) for name in names]
    with redis_errors():
        return _records(redis.mget(wanted)) if wanted else []


def ask_mode(redis: Redis, agent: str, mode: str) -> None:
    """Asks the `agent`, wherever it runs, for a `mode`; the last one counts. It takes it within
    seconds, or when it starts within a day."""
    with redis_errors():
        redis.set(keys.mode(agent), mode, ex=_ASKED_S)


def asked_mode(redis: Redis, agent: str) -> str:
    """The mode that the `agent` is asked for and has not taken yet; empty for none."""
    with redis_errors():
        found = cast("bytes | None", redis.get(keys.mode(agent)))
    return (found or b"").decode(errors="replace")


def settle_mode(redis: Redis, agent: str, mode: str) -> None:
    """Notes that the `agent` has taken `mode`; another that was asked for meanwhile stays."""
    with redis_errors():
        redis.eval(_SETTLE, 1, keys.mode(agent), mode)


def note_seen(redis: Redis, agent: str, host: str) -> None:
    """Remembers that `agent` on `host` reports now, for as long as `keys.py` has it."""
    with redis_errors():
        now = seconds(redis.time())
        redis.zadd(keys.SEEN, {keys.seen(agent, host): now})
        redis.zremrangebyscore(keys.SEEN, "-inf", now - _SEEN_S)


def seen_agents(redis: Redis) -> list[Seen]:
    """The agents of the last 90 days, the last report first."""
    with redis_errors():
        found = cast("Any", redis.zrevrange(keys.SEEN, 0, -1, withscores=True))
    pairs = ((member.decode(errors="replace").split(UNIT_SEPARATOR), at) for member, at in found)
    return [Seen(agent=words[0], host=words[-1], at=at) for words, at in pairs]


def _records(found: Any) -> list[AgentRecord]:
    return [record for item in found if item and (record := _readable(item))]


def _readable(item: bytes | str) -> AgentRecord | None:
    """Reads a record; None for one of a newer version or not an agent's: the others are shown."""
    try:
        return decode(AgentRecord, item)
    except RecordError as error:
        logger.warning("an agent is left out. %s", error)
        return None
