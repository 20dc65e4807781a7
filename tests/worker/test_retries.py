"""Retries: what failed is run again as its task asks for, once a failure, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from elsewhere.core.choices import RETRIABLE, OnLost, Reason, Status
from elsewhere.core.events import Verdict
from elsewhere.core.records import Outcome, Retries
from elsewhere.store.queues import Entry, Queues
from elsewhere.store.redis.store import RedisStore
from elsewhere_worker.avoiding import is_for_others
from elsewhere_worker.registration import Registration
from tests.stores import claim, opened
from tests.worker.test_reaper import make_reaper, waiting
from tests.worker.test_registration import BOX

FAILED = Outcome(reason=Reason.PROGRAM_FAILED, exit_code=3, message="It ended with exit code 3.")
TWICE = Retries(count=2, reasons=(Reason.PROGRAM_FAILED, Reason.OUT_OF_MEMORY))


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    with opened(redis_url) as store:
        yield store


def taken(store: RedisStore, token: str = "t") -> int:
    """Takes and claims the task that waits; the number of its attempt."""
    queues = Queues(store)
    found = queues.take(["default"], "box")
    assert found is not None, "nothing waits"
    attempt = claim(store, found[1], token).attempt
    queues.settle(found[1], "box")
    return attempt


def begun(store: RedisStore, retries: Retries, **fields: object) -> str:
    task_id = waiting(store, retries=retries, **fields)
    assert taken(store) == 1
    return task_id


def test_a_failure_is_run_again_so_often_and_then_fails(store: RedisStore) -> None:
    task_id = begun(store, TWICE)
    for number in (1, 2):
        for _ in range(2):  # the answer was lost
            assert store.finish(task_id, number, FAILED) is Status.QUEUED
        state = store.state(task_id)
        assert (state.failures, state.message) == (number, FAILED.message)
        for _ in range(3):
            make_reaper(store).sweep()
        assert Queues(store).entries("default") == {task_id}
        assert Queues(store).length("default") == 1, "once"
        assert taken(store, f"t{number}") == number + 1
    assert store.finish(task_id, 3, FAILED) is Status.FAILED
    assert [one.outcome for one in store.attempts(task_id)] == [FAILED] * 3
    Queues(store).enqueue(task_id, "default")
    assert store.state(task_id).failures == 0, "a person begins anew"


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in TWICE.reasons])
def test_no_other_reason_runs_it_again(store: RedisStore, reason: Reason) -> None:
    task_id = begun(store, TWICE)
    outcome = Outcome(reason=reason)
    assert store.finish(task_id, 1, outcome) is outcome.status
    make_reaper(store).sweep()
    assert Queues(store).length("default") == 0


def test_a_program_that_sets_its_status_and_a_stop_are_final(store: RedisStore) -> None:
    by_program, stopped = begun(store, TWICE), begun(store, TWICE)
    store.apply(by_program, 1, "f", 0, 1, [Verdict(status=Status.FAILED, message="diverged")])
    store.request_stop(stopped)
    assert store.finish(by_program, 1, FAILED) is Status.FAILED
    assert store.finish(stopped, 1, FAILED) is Status.FAILED


def test_a_retry_waits_twice_as_long_each_time_and_may_be_taken_back(store: RedisStore) -> None:
    task_id = begun(store, replace(TWICE, backoff_s=100.0))
    store.finish(task_id, 1, FAILED)
    first = store.state(task_id)
    assert 99 < first.due_at - store.now() <= 100
    make_reaper(store).sweep()
    assert Queues(store).length("default") == 0, "not yet"
    claim(store, task_id, "next")
    store.finish(task_id, 2, FAILED)
    assert 199 < store.state(task_id).due_at - store.now() <= 200
    assert Queues(store).dequeue(task_id) is Status.STOPPED
    state = store.state(task_id)
    assert (state.due_at, state.status) == (0.0, Status.STOPPED)
    make_reaper(store).sweep()
    assert Queues(store).length("default") == 0


def test_losses_do_not_count_as_failures_and_park_a_task_in_the_end(store: RedisStore) -> None:
    task_id = begun(store, TWICE, on_lost=OnLost.ENQUEUE)
    for number in (1, 2, 3):
        make_reaper(store).sweep()
        state = store.state(task_id)
        assert state.status is Status.IN_PROGRESS, "its lease holds"
        status = Queues(store).lose(
            task_id, number, Outcome(reason=Reason.LOST, message="Gone."), is_harmless=False
        )
        assert status is Status.QUEUED
        assert taken(store, f"t{number}") == number + 1
    state = store.state(task_id)
    assert (state.failures, state.losses) == (0, 3)
    lost = Outcome(reason=Reason.LOST, message="Gone.")
    assert Queues(store).lose(task_id, 4, lost, is_harmless=False) is Status.FAILED
    assert store.state(task_id).message == (
        "Gone. It is parked: 4 attempts in a row were lost with their agents. It may be what ends"
        " them; enqueue it to try it again."
    )


def test_a_policy_that_cannot_be_read_retries_nothing(store: RedisStore) -> None:
    for text in ("[", "5", '{"reasons":5,"count":9}', '{"reasons":["program_failed"]}'):
        task_id = begun(store, TWICE)
        store.redis.hset(f"ew:task:{task_id}", "retries", text)
        assert store.finish(task_id, 1, FAILED) is Status.FAILED


def test_a_retry_is_left_to_another_host_as_long_as_one_takes_its_queue(store: RedisStore) -> None:
    task_id = begun(store, replace(TWICE, avoids_host=True))
    store.finish(task_id, 1, FAILED)

    def is_left(name: str) -> bool:
        return is_for_others(store, Queues(store), Entry("default", task_id.encode()), name)

    here, far = Registration(store.redis, BOX), replace(BOX, name="far", machine="m2", host="far")
    here.begin()
    Registration(store.redis, replace(BOX, name="beside", machine="m3")).begin()
    assert (is_left("box"), is_left("beside")) == (False, False), "there is no other host"
    other = Registration(store.redis, far)
    other.begin()
    assert (is_left("box"), is_left("beside"), is_left("far")) == (True, True, False)
    other.renew((), closed="paused")
    assert not is_left("box"), "the other one takes none"
    other.renew(())
    store.redis.hset(f"ew:task:{task_id}:state", "queued_at", store.now() - 601)
    assert not is_left("box"), "it has waited long enough"
    claim(store, task_id, "next")
    assert store.state(task_id).avoids == ""


def test_every_reason_that_a_task_may_name_is_one_of_a_failure() -> None:
    assert all(Outcome(reason=reason).status is Status.FAILED for reason in RETRIABLE)
