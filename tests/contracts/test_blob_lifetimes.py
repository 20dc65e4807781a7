"""A blob lives while a task names it: in this version's steps, and in a store of an earlier one."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsewhere.core.choices import Status
from elsewhere.core.records import Source, Submodule
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from elsewhere.task import stored
from tests.properties import PROPERTY
from tests.stores import make_record

BLOBS: Final = {hashlib.sha256(data).hexdigest(): data for data in (b"first", b"second", b"third")}
FIRST, SECOND, THIRD = BLOBS
DAY_S: Final = 24 * 3600
FOR_EVER: Final = -1
GONE: Final = -2


def put(store: RedisStore, *digests: str) -> None:
    for digest in digests:
        store.put_blob(digest, BLOBS[digest])


def made(store: RedisStore, *digests: str, **fields: Any) -> str:
    """The id of a draft whose code needs the blobs, which are put before, as a capture does."""
    put(store, *digests)
    record = make_record(source=named(*digests), **fields)
    store.create(record)
    return record.id


def named(*digests: str) -> Source:
    patch, *others = digests or ("",)
    inner = (Submodule(path=d[:8], repository="r", commit="c", bundle=d) for d in others)
    return Source(repository="r", patch=patch, submodules=tuple(inner))


def left_s(store: RedisStore, digest: str) -> int:
    """Seconds that a blob has to live."""
    return int(store.redis.ttl(keys.blob(digest)))


def as_before(store: RedisStore) -> None:
    """Leaves what an earlier version would have left: nobody knows which tasks name a blob."""
    for key in (keys.BLOBS, keys.BLOBS_NAMED, *store.redis.scan_iter("ew:task:*:blobs")):
        store.redis.delete(key)
    for digest in BLOBS:
        store.redis.delete(f"{keys.blob(digest)}:tasks")
        store.redis.expire(keys.blob(digest), 30 * DAY_S)


@pytest.fixture
def store(redis_store: RedisStore) -> RedisStore:
    """One whose tasks an agent has looked at."""
    redis_store.name_blobs()
    return redis_store


def test_a_blob_without_a_task_is_there_for_a_day(store: RedisStore) -> None:
    put(store, FIRST)
    assert DAY_S - 60 < left_s(store, FIRST) <= DAY_S
    store.redis.expire(keys.blob(FIRST), 5)
    put(store, FIRST)  # a second capture of the same code
    assert left_s(store, FIRST) > DAY_S - 60


def test_a_blob_stays_while_a_task_or_its_clone_names_it(store: RedisStore) -> None:
    task_id = made(store, FIRST, SECOND)
    clone = stored.clone(store, task_id)
    put(store, FIRST)  # a capture of the same code gives it no limit
    assert [left_s(store, one) for one in (FIRST, SECOND)] == [FOR_EVER, FOR_EVER]
    store.delete(task_id)
    assert left_s(store, FIRST) == FOR_EVER
    store.delete(clone)
    assert 0 < left_s(store, FIRST) <= DAY_S
    assert not store.redis.exists(keys.BLOBS, f"{keys.blob(FIRST)}:tasks")


def test_a_blob_that_comes_after_its_task_stays_as_well(store: RedisStore) -> None:
    task = make_record(source=named(FIRST))
    store.create(task)
    put(store, FIRST)
    assert left_s(store, FIRST) == FOR_EVER
    assert store.redis.hkeys(keys.BLOBS) == [FIRST.encode()]


def test_an_edit_of_the_code_names_other_blobs(store: RedisStore) -> None:
    task_id = made(store, FIRST, SECOND)
    put(store, THIRD)
    store.edit(task_id, source=named(SECOND, THIRD))
    assert [left_s(store, one) > 0 for one in BLOBS] == [True, False, False]
    store.edit(task_id, comment="names nothing")
    store.reset(task_id, allowed=(Status.CREATED,))
    assert left_s(store, THIRD) == FOR_EVER


def test_an_edit_that_is_refused_names_nothing(store: RedisStore) -> None:
    task_id = made(store, FIRST)
    put(store, SECOND)
    with pytest.raises(Exception, match="changed"):
        store.edit(task_id, allowed=(Status.CLOSED,), source=named(SECOND))
    assert (left_s(store, FIRST), left_s(store, SECOND) > 0) == (FOR_EVER, True)


def test_a_task_that_goes_while_another_is_made_leaves_its_blob(store: RedisStore) -> None:
    old = made(store, FIRST)
    put(store, FIRST)  # it is there: nothing is sent
    store.delete(old)
    assert store.get_blob(FIRST) == BLOBS[FIRST]
    made(store, FIRST)
    assert left_s(store, FIRST) == FOR_EVER


@pytest.mark.parametrize("forged", ["tasks", "", "A" * 64, f"{FIRST}:tasks", f"{FIRST} {SECOND}"])
def test_what_is_no_digest_names_no_blob(store: RedisStore, forged: str) -> None:
    task_id = made(store, FIRST, SECOND)
    before = set(store.redis.keys("ew:blob*"))
    thief = make_record(source=Source(patch=forged))
    store.create(thief)
    assert set(store.redis.keys("ew:blob*")) == before
    store.delete(thief.id)
    assert store.read(task_id).digests == (FIRST, SECOND)
    assert [left_s(store, one) for one in (FIRST, SECOND)] == [FOR_EVER, FOR_EVER]


def test_a_forged_note_takes_nothing_from_others(store: RedisStore) -> None:
    made(store, FIRST)
    thief = make_record()
    store.create(thief)
    store.redis.hset(keys.TaskKeys(thief.id).blobs, "source", f"{FIRST} ../x {SECOND}")
    store.edit(thief.id, source=named())
    store.delete(thief.id)
    assert left_s(store, FIRST) == FOR_EVER


# a store of an earlier version


def test_what_tasks_of_an_earlier_version_name_stays_from_the_first_look_on(
    redis_store: RedisStore,
) -> None:
    store, task_id = redis_store, made(redis_store, FIRST)
    archived = made(store, SECOND, tags=("archived",))
    put(store, THIRD)
    as_before(store)
    store.name_blobs()
    assert [left_s(store, one) for one in (FIRST, SECOND)] == [FOR_EVER, FOR_EVER]
    assert left_s(store, THIRD) > 0
    store.delete(task_id)
    store.delete(archived)
    assert 0 < left_s(store, FIRST) <= DAY_S


def test_before_the_first_look_nothing_is_taken_from_a_task_that_is_not_known(
    redis_store: RedisStore,
) -> None:
    made(redis_store, FIRST)
    as_before(redis_store)
    clone = made(redis_store, FIRST)
    redis_store.delete(clone)
    assert left_s(redis_store, FIRST) > 29 * DAY_S


def test_a_later_look_finds_what_an_earlier_version_has_written_since(store: RedisStore) -> None:
    task_id = made(store, FIRST)
    store.redis.set(keys.BLOBS_NAMED, 1)  # long ago
    store.redis.expire(keys.blob(FIRST), 30 * DAY_S)  # it was used
    other = made(store, SECOND)
    for key in (keys.TaskKeys(other).blobs, f"{keys.blob(SECOND)}:tasks"):
        store.redis.delete(key)
    store.redis.expire(keys.blob(SECOND), 30 * DAY_S)
    store.name_blobs()
    assert [left_s(store, one) for one in (FIRST, SECOND)] == [FOR_EVER, FOR_EVER]
    store.delete(task_id)
    store.delete(other)
    assert all(0 < left_s(store, one) <= DAY_S for one in (FIRST, SECOND))


def test_a_damaged_task_keeps_no_other_from_being_looked_at(redis_store: RedisStore) -> None:
    damaged = [made(redis_store, THIRD) for _ in range(3)]
    whole = made(redis_store, FIRST)
    as_before(redis_store)
    for task_id, text in zip(damaged, ("{", '{"patch": 5}', "[" * 100_000), strict=True):
        redis_store.redis.hset(keys.TaskKeys(task_id).record, "source", text)
    redis_store.redis.set(keys.TaskKeys("b" * 32).record, "a text")
    redis_store.redis.zadd(keys.UPDATED, {"b" * 32: 1})
    redis_store.name_blobs()
    assert left_s(redis_store, FIRST) == FOR_EVER
    redis_store.delete(whole)


# in any order

Step = tuple[str, int, tuple[str, ...]]
STEPS: Final = st.lists(
    st.tuples(
        st.sampled_from(["put", "create", "clone", "edit", "delete", "reset", "look", "before"]),
        st.integers(0, 3),
        st.lists(st.sampled_from(sorted(BLOBS)), max_size=3, unique=True).map(tuple),
    ),
    max_size=25,
)


@PROPERTY
@given(steps=STEPS)
def test_in_any_order_a_blob_stays_exactly_while_it_is_named(
    redis_store: RedisStore, steps: list[Step]
) -> None:
    store = redis_store
    store.redis.flushdb()
    model: dict[str, tuple[str, ...]] = {}
    was_put: set[str] = set()
    is_known = True  # which tasks name a blob
    for what, which, digests in steps:
        task_id = sorted(model)[which % len(model)] if model else ""
        if what == "put":
            put(store, *digests)
            was_put |= set(digests)
        elif what == "create":
            record = make_record(source=named(*digests))
            store.create(record)
            model[record.id] = digests
        elif what == "look":
            store.redis.delete(keys.BLOBS_NAMED)
            store.name_blobs()
            is_known = True
        elif what == "before":
            as_before(store)
            is_known = False
        elif not model:
            continue
        elif what == "clone":
            model[stored.clone(store, task_id)] = model[task_id]
        elif what == "edit":
            store.edit(task_id, source=named(*digests))
            model[task_id] = digests
        elif what == "delete":
            store.delete(task_id)
            del model[task_id]
        else:
            store.reset(task_id, allowed=(Status.CREATED,))
        for digest in was_put:
            assert left_s(store, digest) != GONE
            if is_known:
                is_named = any(digest in names for names in model.values())
                assert (left_s(store, digest) == FOR_EVER) == is_named, (what, digest)
    left = {key.decode() for key in store.redis.keys("ew:blob:*:tasks")}
    if is_known:
        assert left == {f"{keys.blob(d)}:tasks" for names in model.values() for d in names}
