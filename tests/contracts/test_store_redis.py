"""What the store on Redis and Valkey has beside the contract: queues, channels, hashes by field."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator

import pytest

from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.core.errors import RecordError, TransitionError
from elsewhere.core.records import Outcome, Parameter
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.states import sources
from tests.stores import brought_to, claim, enqueue, make_record, running

LOST = Outcome(reason=Reason.LOST, message="Nobody reported.")


def test_a_lost_attempt_is_put_back_into_its_queue(redis_store: RedisStore) -> None:
    task_id = running(redis_store, lease_s=0, on_lost=OnLost.ENQUEUE)
    assert redis_store.reap(task_id, lost_after_s=0, outcome=LOST) is Status.QUEUED
    assert redis_store.queued(older_than_s=0) == {task_id: "default"}
    assert redis_store.attempts(task_id)[0].outcome == LOST


def test_the_agent_of_a_running_task_is_woken_for_a_stop(redis_store: RedisStore) -> None:
    task_id = running(redis_store)
    listener = redis_store.listen(keys.agent("box"))
    redis_store.request_stop(task_id)
    assert listener.wait(5) == [f"{keys.agent('box')} {task_id}"]
    listener.close()


@pytest.fixture
def without_collection() -> Iterator[None]:
    """No finalizer of what another test left runs out of stack in a text nested too deeply."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collection")
@pytest.mark.parametrize("field", ["source", "parameters", "created_at"])
@pytest.mark.parametrize("damage", ["{", "[]", "[" * 100_000, "1e999", '"\\ud800"'])
def test_a_damaged_record_is_a_record_error(
    redis_store: RedisStore, field: str, damage: str
) -> None:
    record = make_record(parameters={"a": Parameter(value=1)})
    redis_store.create(record)
    task = keys.TaskKeys(record.id)
    key, name = (task.part("parameters"), "a") if field == "parameters" else (task.record, field)
    redis_store.redis.hset(key, name, damage)
    if (field, damage) == ("created_at", "1e999"):
        assert redis_store.read(record.id).created_at == math.inf
        return
    with pytest.raises(RecordError):
        redis_store.read(record.id)


@pytest.mark.parametrize("status", Status)
def test_a_task_is_enqueued_from_the_statuses_that_may_and_once(
    redis_store: RedisStore, status: Status
) -> None:
    task_id = brought_to(redis_store, status)
    if status in sources(Status.QUEUED):
        enqueue(redis_store, task_id)
        assert redis_store.queued(older_than_s=0) == {task_id: "default"}
    with pytest.raises(TransitionError):
        enqueue(redis_store, task_id)


def test_a_listener_wakes_for_what_happens_after_it_began(redis_store: RedisStore) -> None:
    task_id = running(redis_store)
    listener = redis_store.listen(keys.TaskKeys(task_id).changed, keys.WAKE)
    redis_store.append_output(task_id, 1, 0, 2, b"x\n", "")
    assert listener.wait(5) == [f"ew:changed:{task_id} output"]
    redis_store.apply(task_id, 1, "f", 0, 1, [])
    redis_store.finish(task_id, 1, LOST)
    heard: list[str] = []
    while len(heard) < 2:
        heard += listener.wait(5)
    assert heard == [f"ew:changed:{task_id} event", f"ew:changed:{task_id} status"]
    enqueue(redis_store, task_id)
    assert set(listener.wait(5)) & {"ew:wake default", f"ew:changed:{task_id} status"}
    listener.close()


@pytest.mark.parametrize("is_harmless", [True, False])
def test_an_owner_gives_up_its_attempt_at_once_and_three_times_at_most(
    redis_store: RedisStore, is_harmless: bool
) -> None:
    on_lost = OnLost.END if is_harmless else OnLost.ENQUEUE
    task_id = running(redis_store, on_lost=on_lost)
    for attempt in (1, 2, 3):
        status = redis_store.lose(task_id, attempt, LOST, is_harmless=is_harmless)
        assert status is Status.QUEUED
        assert claim(redis_store, task_id, f"t{attempt}").attempt == attempt + 1
    assert redis_store.lose(task_id, 4, LOST, is_harmless=is_harmless) is Status.FAILED


@pytest.mark.parametrize("what", ["claimed", "stopped", "moved"])
def test_an_owner_that_returns_too_late_gets_nothing_back(
    redis_store: RedisStore, what: str
) -> None:
    task_id = running(redis_store, lease_s=0, on_lost=OnLost.ENQUEUE)
    redis_store.reap(task_id, lost_after_s=0, outcome=LOST)
    if what == "claimed":
        claim(redis_store, task_id, "next")
    elif what == "stopped":
        redis_store.request_stop(task_id)
    else:
        redis_store.move(task_id, Status.CREATED, allowed=(Status.QUEUED,))
    status = redis_store.state(task_id).status
    assert not redis_store.renew(task_id, 1, worker="box", lease_s=60).is_ours
    assert redis_store.state(task_id).status is status


def test_the_identity_is_written_once_and_then_only_read(redis_store: RedisStore) -> None:
    first = redis_store.identity()
    redis_store.redis.config_resetstat()
    assert redis_store.identity() == first
    assert "cmdstat_set" not in redis_store.redis.info("commandstats")
