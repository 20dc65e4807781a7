"""Queues: entries are hints, the status is the truth, and nothing that waits is lost."""

from __future__ import annotations

import hashlib
import random
import threading

import pytest

from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.core.errors import NotFoundError, TransitionError, UsageError
from elsewhere.core.records import Needs, Outcome, Source
from elsewhere.store.queues import DEFAULT_QUEUE, Entry, Queues
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from tests.stores import make_record

LOST = Outcome(reason=Reason.LOST)


@pytest.fixture
def queues(store: RedisStore) -> Queues:
    queues = Queues(store)
    for name in ("low", "high"):
        queues.create(name)
    return queues


def waiting(store: RedisStore, queue: str = "low", **fields: object) -> str:
    record = make_record(**fields)
    store.create(record)
    Queues(store).enqueue(record.id, queue)
    return record.id


def test_a_queue_is_there_once_it_was_made_and_default_always(store: RedisStore) -> None:
    queues = Queues(store)
    assert queues.names() == [DEFAULT_QUEUE]
    for _ in range(2):
        queues.create("gpu box_1")
    assert queues.names() == [DEFAULT_QUEUE, "gpu box_1"]
    queues.check("gpu box_1")


@pytest.mark.parametrize("name", ["", " a", "-a", "a/b", "a\nb", "a:b", "x" * 101, "a*"])
def test_a_name_that_a_queue_cannot_have_is_refused(queues: Queues, name: str) -> None:
    with pytest.raises(UsageError, match="queue name"):
        queues.create(name)


def test_an_unknown_queue_is_answered_with_the_closest_and_changes_nothing(
    store: RedisStore, queues: Queues
) -> None:
    record = make_record()
    store.create(record)
    with pytest.raises(NotFoundError, match=r"Did you mean 'high'.*default, high, low"):
        queues.enqueue(record.id, "hihg")
    assert store.state(record.id).status is Status.CREATED
    assert store.redis.keys("rq:*") == []


def test_a_task_comes_out_as_it_went_in_by_priority_and_then_by_age(
    store: RedisStore, queues: Queues
) -> None:
    first, second = waiting(store), waiting(store)
    urgent = waiting(store, "high")
    assert queues.length("low") == 2
    assert queues.entries("low") == {first, second}
    taken = [queues.take(["high", "low"], "box") for _ in range(4)]
    assert taken == [("high", urgent), ("low", first), ("low", second), None]


def test_a_task_whose_code_is_not_kept_any_more_is_not_enqueued(
    store: RedisStore, queues: Queues
) -> None:
    digest = hashlib.sha256(b"patch").hexdigest()
    record = make_record(source=Source(patch=digest))
    store.create(record)
    with pytest.raises(NotFoundError, match="code"):
        queues.enqueue(record.id, "low")
    store.put_blob(digest, b"patch")
    assert queues.enqueue(record.id, "low") is Status.CREATED


def test_a_task_that_waits_cannot_be_enqueued_again(store: RedisStore, queues: Queues) -> None:
    task_id = waiting(store)
    with pytest.raises(TransitionError, match="it is queued"):
        queues.enqueue(task_id, "high")
    assert (queues.length("low"), queues.length("high")) == (1, 0)


def test_of_many_that_enqueue_a_task_one_does(store: RedisStore, queues: Queues) -> None:
    record = make_record()
    store.create(record)
    won: list[int] = []

    def enqueue(number: int) -> None:
        try:
            queues.enqueue(record.id, "low")
        except TransitionError:
            return
        won.append(number)

    threads = [threading.Thread(target=enqueue, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert queues.length("low") == 1


@pytest.mark.parametrize("before", [Status.CREATED, Status.STOPPED, Status.FAILED])
def test_a_task_that_is_taken_back_has_its_status_of_before(
    store: RedisStore, queues: Queues, before: Status
) -> None:
    record = make_record()
    store.create(record)
    store.move(record.id, before, allowed=tuple(Status))
    assert queues.enqueue(record.id, "low") is before
    assert queues.dequeue(record.id) is before
    assert store.state(record.id).status is before
    assert queues.length("low") == 0
    assert store.redis.keys("rq:job:*") == []
    with pytest.raises(TransitionError, match="in none"):
        queues.dequeue(record.id)


def test_a_task_that_was_put_back_after_a_loss_is_stopped_when_it_is_taken_back(
    store: RedisStore, queues: Queues
) -> None:
    record = make_record()
    store.create(record)
    queues.enqueue(record.id, "low")
    store.claim(record.id, worker="box", token="t", lease_s=9, allowed=(Status.QUEUED,))
    assert queues.lose(record.id, 1, LOST, is_harmless=True) is Status.QUEUED
    assert queues.dequeue(record.id) is Status.STOPPED
    assert queues.enqueue(record.id, "low") is Status.STOPPED


def test_entries_are_seen_in_their_order_with_what_their_tasks_need_and_stay(
    store: RedisStore, queues: Queues
) -> None:
    assert list(queues.waiting("low")) == []
    many = [waiting(store) for _ in range(120)]  # more than are read at once
    large = waiting(store, "high", needs=Needs(gpus=0.5, memory_bytes=1 << 40), user="ada")
    assert list(queues.waiting("low")) == [Entry("low", one.encode()) for one in many]
    entry = Entry("high", large.encode(), Needs(gpus=0.5, memory_bytes=1 << 40), 0, "ada")
    assert list(queues.waiting("high")) == [entry]
    assert (queues.length("high"), queues.length("low")) == (1, 120)


def test_an_entry_is_taken_from_where_it_stands_and_only_once(
    store: RedisStore, queues: Queues
) -> None:
    first, second, third = (waiting(store) for _ in range(3))
    assert queues.take(["high", "low"], "box", second.encode()) == ("low", second)
    assert queues.take(["high", "low"], "other", second.encode()) is None
    assert [entry.item.decode() for entry in queues.waiting("low")] == [first, third]
    queues.recover("box")
    assert [entry.item.decode() for entry in queues.waiting("low")] == [first, third, second]


def test_a_queue_is_in_the_order_of_priorities_and_then_of_age(
    store: RedisStore, queues: Queues
) -> None:
    chance = random.Random(7)
    given = [(chance.randint(-2, 2), number) for number in range(60)]
    named = {waiting(store, priority=priority): (priority, number) for priority, number in given}
    found = [named[entry.item.decode()] for entry in queues.waiting("low")]
    assert found == sorted(given, key=lambda one: -one[0])


def test_a_task_that_waits_gets_the_place_of_its_new_priority(
    store: RedisStore, queues: Queues
) -> None:
    first, second, third = (waiting(store) for _ in range(3))

    def order() -> list[str]:
        return [entry.item.decode() for entry in queues.waiting("low")]

    queues.prioritize(third, 5)
    assert order() == [third, first, second]
    queues.prioritize(first, -1)
    assert order() == [third, second, first]
    queues.dequeue(second)
    queues.prioritize(second, 9)
    assert order() == [third, first]
    queues.enqueue(second, "low")
    assert order() == [second, third, first]
    queues.dequeue(second)
    queues.enqueue(second, "low", 0)
    assert order() == [third, second, first]
    assert store.read(second).priority == 0


@pytest.mark.parametrize("written", ["", "[", "[]", '{"gpus": "all"}', '{"gpus": 1'])
def test_needs_that_cannot_be_read_are_left_to_who_checks_the_record(
    store: RedisStore, queues: Queues, written: str
) -> None:
    task_id = waiting(store)
    store.redis.hset(keys.TaskKeys(task_id).record, "needs", written)
    assert list(queues.waiting("low")) == [Entry("low", task_id.encode())]


@pytest.mark.parametrize(
    "entry", [b"\xff\xfe", b"", b"unknown", b"x:state", b"x" * 1_000_000], ids=len
)
def test_an_entry_of_somebody_else_is_seen_and_taken_like_any_other(
    store: RedisStore, queues: Queues, entry: bytes
) -> None:
    store.redis.set("ew:task:x:state", "no hash")
    store.redis.rpush("rq:queue:low", entry)
    assert list(queues.waiting("low")) == [Entry("low", entry)]
    assert queues.take(["low"], "box", entry) is not None
    assert queues.length("low") == 0


def test_an_entry_that_is_not_the_next_any_more_is_not_taken(
    store: RedisStore, queues: Queues
) -> None:
    """Another agent was quicker."""
    first, second = waiting(store), waiting(store)
    assert queues.take(["low"], "other") == ("low", first)
    assert queues.take(["low"], "box", first.encode()) is None
    assert queues.entries("low") == {second}
    assert store.redis.keys(keys.taken("box")) == []
    assert queues.take(["low"], "box", second.encode()) == ("low", second)


def test_what_was_taken_is_gone_when_it_is_settled(store: RedisStore, queues: Queues) -> None:
    task_id = waiting(store)
    queues.take(["low"], "box")
    assert store.redis.lrange(keys.taken("box"), 0, -1) == [task_id.encode()]
    queues.settle(task_id, "box")
    assert store.redis.keys("rq:job:*") + store.redis.keys("ew:taken:*") == []


@pytest.mark.parametrize("entry", [b"\xff\xfe", b"", b"x" * 1_000_000], ids=len)
def test_an_entry_that_is_no_text_can_be_taken_and_settled(
    store: RedisStore, queues: Queues, entry: bytes
) -> None:
    store.redis.rpush("rq:queue:low", entry)
    taken = queues.take(["low"], "box")
    assert taken is not None
    queues.settle(taken[1], "box")
    assert store.redis.keys("ew:taken:*") == []


def test_what_a_dead_agent_had_taken_goes_back_unless_it_is_not_queued_any_more(
    store: RedisStore, queues: Queues
) -> None:
    kept, stopped, deleted = (waiting(store) for _ in range(3))
    for _ in range(3):
        queues.take(["low"], "box")
    store.redis.rpush(keys.taken("box"), b"\xff")
    store.request_stop(stopped)
    store.request_stop(deleted)
    store.delete(deleted)
    queues.recover("other")
    assert queues.length("low") == 0, "another agent's"
    queues.recover("box")
    assert queues.entries("low") == {kept}
    assert store.redis.keys("ew:taken:*") == []
    assert queues.take(["low"], "box") == ("low", kept)


def test_what_is_pushed_wakes_who_listens(store: RedisStore, queues: Queues) -> None:
    listener = store.listen(keys.WAKE)
    task_id = waiting(store)
    assert listener.wait(5) == ["ew:wake low"]
    queues.push_again(task_id)
    assert listener.wait(5) == ["ew:wake low"]
    listener.close()


def test_a_lost_task_that_is_put_back_has_an_entry_again(store: RedisStore, queues: Queues) -> None:
    task_id = waiting(store, on_lost=OnLost.ENQUEUE)
    queues.take(["low"], "box")
    store.claim(task_id, worker="box", token="t", lease_s=60, allowed=(Status.QUEUED,))
    queues.settle(task_id, "box")
    assert queues.lose(task_id, 1, LOST, is_harmless=False) is Status.QUEUED
    assert queues.take(["low"], "box") == ("low", task_id)
    ended = waiting(store)
    store.claim(ended, worker="box", token="t", lease_s=60, allowed=(Status.QUEUED,))
    assert queues.lose(ended, 1, LOST, is_harmless=False) is Status.FAILED
    assert queues.length("low") == 0
