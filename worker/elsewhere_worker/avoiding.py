"""Avoiding a host: a retry that failed here is left to other machines, if one may take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.store.agents import registered_agents

if TYPE_CHECKING:
    from elsewhere.store.queues import Entry, Queues
    from elsewhere.store.redis.store import RedisStore

#: seconds that a task waits for others: these may be busy for days
_WAIT_S: Final = 600.0


def is_for_others(store: RedisStore, queues: Queues, entry: Entry, name: str) -> bool:
    """Whether the agent `name` leaves an `entry` to agents of other hosts."""
    avoided, since = queues.avoided(entry.item)
    if not avoided or store.now() - since > _WAIT_S:
        return False
    agents = registered_agents(store.redis)
    hosts = {one.host for one in agents if one.name == avoided}
    is_here = name == avoided or any(one.name == name and one.host in hosts for one in agents)
    return is_here and any(
        entry.queue in one.queues and not one.closed and one.host not in hosts for one in agents
    )
