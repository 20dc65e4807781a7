"""What every store promises of curves: whole, or few points of them among which all spikes are."""

from __future__ import annotations

import math
import random
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsewhere.core.choices import Reason, Status
from elsewhere.core.events import Scalars
from elsewhere.core.records import Outcome
from elsewhere.core.scalars import POINT, Column
from elsewhere.store import curves
from elsewhere.store.api import TaskStore
from elsewhere.store.redis import keys, scripts
from elsewhere.store.redis.store import RedisStore
from tests.contracts.insides import on_servers
from tests.properties import PROPERTY
from tests.stores import running

Point = tuple[int, float, float]


def scalars(points: list[Point], series: str = "train") -> Scalars:
    packed = b"".join(POINT.pack(*point) for point in points)
    return Scalars(columns=(Column("loss", series, packed),))


def numbered(values: list[float]) -> list[Point]:
    return [(n, 1000.0 + n, value) for n, value in enumerate(values)]


def report(store: TaskStore, task_id: str, points: list[Point], *sizes: int) -> None:
    """Applies the points in pieces of these sizes, again and again."""
    at, turn = 0, 0
    while at < len(points):
        end = min(len(points), at + sizes[turn % len(sizes)])
        assert store.apply(task_id, 1, "f", at, end, [scalars(points[at:end])]) == end
        at, turn = end, turn + 1


def buckets_of(store: RedisStore, task_id: str) -> bytes:
    return bytes(store.redis.get(keys.TaskKeys(task_id).buckets(curves.name_of("loss", "train"))))


def noisy(count: int, seed: int = 0) -> list[float]:
    chance = random.Random(seed)
    return [chance.choice([chance.gauss(0, 1), 0.0, math.nan]) for _ in range(count)]


def assert_drawn(drawn: list[Point], points: list[Point], most: int) -> None:
    """That `drawn` are at most so many of the points, in their order, with ends and extremes."""
    assert len(drawn) <= most
    assert [repr(point) for point in sorted(drawn)] == [repr(point) for point in drawn]
    assert set(map(repr, drawn)) <= set(map(repr, points))
    assert repr((drawn[0], drawn[-1])) == repr((points[0], points[-1]))
    there = [value for _, _, value in points if value == value]
    shown = [value for _, _, value in drawn if value == value]
    if there and most >= 4:
        assert (min(shown), max(shown)) == (min(there), max(there))


@pytest.mark.parametrize("sizes", [(1,), (7, 100), (5000,)])
@pytest.mark.parametrize("most", [4, 10, 64, 500])
def test_a_long_curve_is_drawn_with_its_ends_and_all_its_spikes(
    store: TaskStore, sizes: tuple[int, ...], most: int
) -> None:
    task_id = running(store)
    values = noisy(1500 if sizes == (1,) else 9000)
    values[777], values[801] = 100.0, -100.0
    points = numbered(values)
    report(store, task_id, points, *sizes)
    [drawn] = store.curves([(task_id, "loss", "train")], most)
    assert_drawn(list(drawn), points, most)
    assert len(drawn) > most // 4
    [whole] = store.curves([(task_id, "loss", "train")])
    assert repr(list(whole)) == repr(points) == repr(store.points(task_id, "loss", "train"))
    assert [type(column) for column in (whole.iterations, whole.times, whole.values)] == [array] * 3


def test_several_tasks_and_series_are_read_at_once(store: TaskStore) -> None:
    first, second = running(store), running(store)
    short, long = numbered([1.0, 2.0]), numbered(noisy(3000))
    store.apply(first, 1, "f", 0, 1, [scalars(short)])
    store.apply(second, 1, "f", 0, 1, [scalars(long), scalars(short, "other")])
    wanted = [(second, "loss", "train"), (first, "loss", "train"), (first, "loss", "none")]
    found = [list(curve) for curve in store.curves([*wanted, (second, "loss", "other")], 10)]
    assert_drawn(found[0], long, 10)
    assert found[1:] == [short, [], short]
    assert store.curves([]) == []


@pytest.mark.parametrize("most", [1, 2, 3])
def test_of_very_few_points_the_last_is_one(store: TaskStore, most: int) -> None:
    task_id = running(store)
    store.apply(task_id, 1, "f", 0, 1, [scalars(numbered([5.0, 1.0, 9.0, 3.0, 2.0]))])
    [drawn] = store.curves([(task_id, "loss", "train")], most)
    assert list(drawn) == [(0, 1000.0, 5.0), (4, 1004.0, 2.0)][-most:]


def test_the_summary_has_where_the_extremes_were(store: TaskStore) -> None:
    task_id = running(store)
    report(store, task_id, numbered([3.0, math.nan, 9.0, 1.0, 9.0, 1.0, math.nan]), 2)
    [summary] = store.series(task_id)
    assert (summary.minimum, summary.minimum_at) == (1.0, 3)
    assert (summary.maximum, summary.maximum_at) == (9.0, 2)
    assert (summary.count, summary.iteration, repr(summary.last)) == (7, 6, "nan")


def test_a_reset_clears_a_long_curve_for_good(store: TaskStore) -> None:
    task_id = running(store)
    report(store, task_id, numbered(noisy(1000)), 1000)
    store.finish(task_id, 1, Outcome(reason=Reason.STOPPED))
    store.reset(task_id, allowed=tuple(Status))
    assert store.curves([(task_id, "loss", "train")], 4) == store.curves([("0" * 32, "a", "b")])
    claim = store.claim(task_id, worker="box", token="t", lease_s=9, allowed=(Status.CREATED,))
    again = numbered([float(n) for n in range(1000)])
    store.apply(task_id, claim.attempt, "f", 0, 1, [scalars(again)])
    [drawn] = store.curves([(task_id, "loss", "train")], 4)
    assert list(drawn) == [again[0], again[-1]]


# on servers: keys


@on_servers
def test_a_series_of_many_chunks_is_one_and_goes_as_one(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "CHUNK_POINTS", 100)
    store = RedisStore(store.redis)
    task_id = running(store)
    points = numbered(noisy(1050))
    report(store, task_id, points, 7, 250)
    chunks = [key for key in store.redis.keys("*") if b":chunk:" in key]
    assert len(chunks) == 10
    assert repr(store.points(task_id, "loss", "train")) == repr(points)
    [drawn] = store.curves([(task_id, "loss", "train")], 6)
    assert_drawn(list(drawn), points, 6)
    store.finish(task_id, 1, Outcome(reason=Reason.STOPPED))
    store.reset(task_id, allowed=tuple(Status))
    left = b" ".join(store.redis.keys("*"))
    assert not [part for part in (b":chunk:", b":points:", b":buckets:") if part in left]


@on_servers
@pytest.mark.parametrize(
    ("count", "most"), [(5000, 10), (10_000, 500), (20_000, 500), (70_000, 1000)]
)
def test_a_long_curve_is_drawn_without_reading_its_points(
    store: RedisStore, count: int, most: int
) -> None:
    task_id = running(store)
    values = [0.5] * count
    values[2500] = 9.0
    report(store, task_id, numbered(values), 1000, 3)
    key = keys.TaskKeys(task_id).points(curves.name_of("loss", "train"), 0)
    store.redis.setrange(key, POINT.size, bytes(POINT.size * (count - 2)))  # all but the ends
    [drawn] = store.curves([(task_id, "loss", "train")], most)
    assert_drawn(list(drawn), numbered(values), most)
    assert (2500, 3500.0, 9.0) in list(drawn)


@on_servers
@pytest.mark.parametrize("sizes", [(1,), (7, 100), (1000,), (20_000,)])
def test_buckets_grow_with_their_series(store: RedisStore, sizes: tuple[int, ...]) -> None:
    task_id, count = running(store), 3000 if sizes == (1,) else 40_000
    points = numbered(noisy(count))
    report(store, task_id, points, *sizes)
    buckets = buckets_of(store, task_id)
    assert curves.points_of(buckets)[0] == count
    size = 32 if sizes == (1,) else 128
    assert count / size <= len(buckets) / curves.BUCKET_BYTES <= count / size * 1.3
    for most in (20, 100):
        [drawn] = store.curves([(task_id, "loss", "train")], most)
        assert_drawn(list(drawn), points, most)


@on_servers
def test_buckets_that_an_earlier_version_has_written_are_read_and_continued(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        for module in (curves, scripts):
            earlier.setattr(module, "BUCKET_POINTS", (128,))
        before = RedisStore(store.redis)
        task_id, points = running(before), numbered(noisy(3000))
        report(before, task_id, points[:1500], 200)
    assert len(buckets_of(store, task_id)) < 1500 / 99 * curves.BUCKET_BYTES
    store.apply(task_id, 1, "f", 1500, 3000, [scalars(points[1500:])])
    assert curves.points_of(buckets_of(store, task_id))[0] == 3000
    for most in (20, 500, 0):
        [drawn] = store.curves([(task_id, "loss", "train")], most)
        assert_drawn(list(drawn), points, most or 3000)


@on_servers
def test_a_curve_that_an_earlier_version_has_written_is_read_and_continued(
    store: RedisStore,
) -> None:
    task_id = running(store)
    task, name = keys.TaskKeys(task_id), curves.name_of("loss", "train")
    points = numbered([*noisy(999), 0.0])
    store.redis.append(task.points(name, 0), b"".join(POINT.pack(*one) for one in points))
    there = [value for _, _, value in points if value == value]
    low, high = min(there), max(there)
    store.redis.hset(task.scalars, name, f"1000 999 0.0 {low!r} {high!r}")
    [summary] = store.series(task_id)
    assert (summary.minimum, summary.minimum_at, summary.maximum_at) == (low, None, None)
    more = [(1000, 2000.0, 77.0)]
    store.apply(task_id, 1, "f", 0, 1, [scalars(more)])
    [summary] = store.series(task_id)
    assert (summary.minimum_at, summary.maximum, summary.maximum_at) == (None, 77.0, 1000)
    for most in (5, 0):
        [drawn] = store.curves([(task_id, "loss", "train")], most)
        assert_drawn(list(drawn), points + more, most or 2000)


# the choice of points


@PROPERTY
@given(
    values=st.lists(st.sampled_from([0.0, 1.0, -1.0, 5.0, math.inf, -math.inf, math.nan])),
    most=st.integers(1, 12),
)
def test_any_points_are_thinned_to_the_most_without_losing_an_extreme(
    values: list[float], most: int
) -> None:
    points = numbered(values)
    packed = b"".join(POINT.pack(*point) for point in points)
    drawn: list[Any] = list(POINT.iter_unpack(curves.sampled(packed, most)))
    if len(points) <= most:
        assert repr(drawn) == repr(points)
    elif most > 1:
        assert_drawn(drawn, points, most)
    else:
        assert repr(drawn) == repr(points[-1:])
