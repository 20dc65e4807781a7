"""A step of the store that was done although its answer was lost with the connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.choices import Status
from elsewhere.core.errors import NotFoundError, TransitionError
from elsewhere.store.queues import DEFAULT_QUEUE, Queues
from elsewhere.store.redis.store import RedisStore
from tests.lossy import Lossy, lossy
from tests.redis_server import RedisServer
from tests.stores import claim, make_record, opened


@pytest.fixture
def way(short_path: Path, redis_server: RedisServer, redis_url: str) -> Iterator[Lossy]:
    with lossy(short_path, redis_server) as way:
        yield way


@pytest.fixture
def store(way: Lossy) -> Iterator[RedisStore]:
    """Its answers go that way."""
    with opened(way.url) as store:
        yield store


def test_a_task_is_enqueued_once(store: RedisStore, way: Lossy) -> None:
    record = make_record()
    store.create(record)
    way.lose(b"EXEC", b"HMGET")
    assert Queues(store).enqueue(record.id, DEFAULT_QUEUE) is Status.CREATED
    assert way.lost == 2
    assert store.state(record.id).status is Status.QUEUED
    assert Queues(store).length(DEFAULT_QUEUE) == 1


def test_a_task_that_was_claimed_meanwhile_was_enqueued(
    store: RedisStore, way: Lossy, redis_url: str
) -> None:
    record = make_record()
    store.create(record)
    with opened(redis_url) as other:
        way.lose(b"EXEC", when_lost=lambda: claim(other, record.id))
        assert Queues(store).enqueue(record.id, DEFAULT_QUEUE) is Status.CREATED
        assert other.state(record.id).status is Status.IN_PROGRESS


def test_what_somebody_else_has_enqueued_is_refused(store: RedisStore, way: Lossy) -> None:
    record = make_record()
    store.create(record)
    Queues(store).enqueue(record.id, DEFAULT_QUEUE)
    way.lose(b"HMGET")
    with pytest.raises(TransitionError, match="it is queued"):
        Queues(store).enqueue(record.id, DEFAULT_QUEUE)


def test_a_task_is_deleted(store: RedisStore, way: Lossy) -> None:
    record = make_record()
    store.create(record)
    way.lose(b"EXEC")
    store.delete(record.id)
    assert way.lost == 1
    with pytest.raises(NotFoundError):
        store.state(record.id)
    with pytest.raises(NotFoundError):
        store.delete(record.id)
