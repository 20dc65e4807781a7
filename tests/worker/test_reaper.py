"""The reaper: what vanished machines left is mended, by one agent at a time and not too early."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.core.folders import Home
from elsewhere.store.queues import Queues
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from elsewhere_worker.duty import Troubles
from elsewhere_worker.reaper import Reaper
from elsewhere_worker.settings import WorkerSettings
from tests.stores import make_record, opened


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    with opened(redis_url) as store:
        yield store


def make_reaper(store: RedisStore, *, lease_s: float = 0.0, lost_after_s: float = 0.0) -> Reaper:
    """With leases of no time, every look is due and there is no hold-off."""
    settings = WorkerSettings(
        name="box",
        queues=("default",),
        home=Home(Path("/nonexistent")),
        url="",
        lease_s=lease_s,
        lost_after_s=lost_after_s,
    )
    return Reaper(store, Queues(store), settings, Troubles())


def waiting(store: RedisStore, **fields: object) -> str:
    record = make_record(**fields)
    store.create(record)
    Queues(store).enqueue(record.id, "default")
    return record.id


def lost(store: RedisStore, **fields: object) -> str:
    """Claimed, by a machine that is gone."""
    task_id = waiting(store, **fields)
    claim = store.claim(task_id, worker="gone", token="t", lease_s=0, allowed=(Status.QUEUED,))
    assert claim.attempt == 1
    return task_id


@pytest.mark.parametrize(
    ("on_lost", "status"), [(OnLost.END, Status.FAILED), (OnLost.ENQUEUE, Status.QUEUED)]
)
def test_a_lost_task_ends_or_waits_again_with_an_entry(
    store: RedisStore, on_lost: OnLost, status: Status
) -> None:
    task_id = lost(store, on_lost=on_lost)
    make_reaper(store).sweep()
    state = store.state(task_id)
    assert state.status is status
    assert state.outcome is not None
    assert state.outcome.reason is Reason.LOST
    entries = Queues(store).entries("default")
    assert entries == ({task_id} if status is Status.QUEUED else set())


def test_a_task_whose_stop_was_asked_for_is_stopped_not_run_again(store: RedisStore) -> None:
    task_id = lost(store, on_lost=OnLost.ENQUEUE)
    store.request_stop(task_id)
    make_reaper(store).sweep()
    assert store.state(task_id).status is Status.STOPPED


def test_a_task_that_is_unreachable_for_a_short_time_is_left_alone(store: RedisStore) -> None:
    task_id = lost(store)
    make_reaper(store, lost_after_s=900).sweep()
    state = store.state(task_id)
    assert (state.status, state.is_unreachable) == (Status.IN_PROGRESS, True)


def test_nobody_is_reaped_just_after_the_store_or_all_agents_were_away(store: RedisStore) -> None:
    task_id = lost(store)
    store.redis.hset(keys.SWEEP, "last", str(store.now() - 3600))
    reaper = make_reaper(store, lease_s=60)
    reaper.sweep()
    reaper.sweep()
    assert store.state(task_id).status is Status.IN_PROGRESS
    store.redis.hset(keys.SWEEP, mapping={"last": str(store.now() - 10), "hold_until": "0"})
    reaper.sweep()
    assert store.state(task_id).status is Status.FAILED


def test_only_one_agent_sweeps_at_a_time(store: RedisStore) -> None:
    reaper = make_reaper(store, lease_s=60)
    reaper.sweep()
    task_id = lost(store)
    store.redis.hset(keys.SWEEP, "hold_until", "0")
    make_reaper(store, lease_s=60).sweep()
    assert store.state(task_id).status is Status.IN_PROGRESS


def test_a_queued_task_whose_entry_got_lost_gets_one_again(store: RedisStore) -> None:
    kept, gone = waiting(store), waiting(store)
    store.redis.lrem("rq:queue:default", 0, gone)
    make_reaper(store).sweep()
    assert store.redis.lrange("rq:queue:default", 0, -1) == [kept.encode(), gone.encode()]
    make_reaper(store).sweep()
    assert Queues(store).length("default") == 2, "once"


def test_an_entry_of_just_now_may_be_in_someones_hand(store: RedisStore) -> None:
    task_id = waiting(store)
    store.redis.hset(keys.SWEEP, "last", str(store.now() - 10))
    assert Queues(store).take(["default"], "other") == ("default", task_id)
    make_reaper(store, lease_s=60).sweep()
    assert Queues(store).length("default") == 0


def test_stale_marks_of_tasks_that_are_gone_or_over_are_cleared_away(store: RedisStore) -> None:
    """Left by an older version or by hand: they must not stop the sweep of the others."""
    over, task_id = make_record(), lost(store)
    store.create(over)
    store.redis.zadd(keys.LEASES, {over.id: 1, "f" * 32: 1})
    store.redis.zadd(keys.QUEUED, {"e" * 32: 1})
    make_reaper(store).sweep()
    assert store.state(task_id).status is Status.FAILED
    assert store.redis.zcard(keys.LEASES) == 0
    assert Queues(store).length("default") == 0
