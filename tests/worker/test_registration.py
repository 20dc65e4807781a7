"""Registration: an agent as others see it, by our own record and by RQ's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from rq import Worker

from elsewhere.core.errors import UsageError
from elsewhere.store.agents import AgentRecord, registered_agents
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from elsewhere_worker.registration import Registration
from tests.stores import opened

BOX = AgentRecord(
    name="box",
    machine="m1",
    host="box.example.org",
    pid=1,
    home="/home",
    version="1",
    queues=("default", "gpu"),
    slots=2,
    started_at=5.0,
)


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    with opened(redis_url) as store:
        yield store


def test_an_agent_is_shown_with_what_it_runs_until_it_leaves(store: RedisStore) -> None:
    registration = Registration(store.redis, BOX)
    assert registered_agents(store.redis) == []
    registration.begin()
    assert registered_agents(store.redis) == [BOX]
    registration.renew(["task.1"])
    assert registered_agents(store.redis) == [replace(BOX, running=("task.1",))]
    (shown,) = Worker.all(connection=store.redis)
    assert (shown.name, shown.queue_names(), str(shown.get_state())) == (
        "box",
        ["default", "gpu"],
        "busy",
    )
    registration.end()
    assert registered_agents(store.redis) == []
    assert Worker.all(connection=store.redis) == []


def test_an_agent_that_is_killed_is_shown_for_a_minute_and_may_come_back(store: RedisStore) -> None:
    Registration(store.redis, BOX).begin()
    assert 0 < store.redis.ttl(keys.agent("box")) <= 60
    again = Registration(store.redis, replace(BOX, pid=2))
    again.begin()
    assert registered_agents(store.redis) == [replace(BOX, pid=2)]
    assert len(Worker.all(connection=store.redis)) == 1
    again.end()


def test_a_name_that_lives_on_another_machine_is_refused(store: RedisStore) -> None:
    Registration(store.redis, BOX).begin()
    with pytest.raises(UsageError, match=r"box\.example\.org"):
        Registration(store.redis, replace(BOX, machine="m2", host="other")).begin()
    assert registered_agents(store.redis) == [BOX]


def test_several_agents_are_shown_by_name_and_damage_hides_none(store: RedisStore) -> None:
    for name in ("b", "a"):
        Registration(store.redis, replace(BOX, name=name)).begin()
    store.redis.set(keys.agent("damaged"), "{")
    assert [agent.name for agent in registered_agents(store.redis)] == ["a", "b"]


def test_a_restarted_store_has_the_agent_again_after_the_next_renewal(store: RedisStore) -> None:
    registration = Registration(store.redis, BOX)
    registration.begin()
    store.redis.flushall()
    registration.renew(())
    assert registered_agents(store.redis) == [BOX]
    assert [worker.name for worker in Worker.all(connection=store.redis)] == ["box"]
