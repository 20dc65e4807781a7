"""Histories: of each series the newest reports stay, and where dropped bytes lie is known."""

from __future__ import annotations

from random import Random

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.events import Sample
from elsewhere.core.kept import MOST_ITEMS, History
from elsewhere.core.records import Outcome
from elsewhere.store.api import SeriesHistory, TaskStore
from tests.stores import claim, enqueue, make_record, running

#: titles that a name, a key, a pattern or a terminal might take for something else
ODD = [
    "a:b",
    "a/b",
    '["a","b"]',
    "é\U0001f600",
    "\x1f",
    "a\nb",
    "a b",
    "*",
    "\\udcff",
    "\udcff",
    "'",
]


def sample(
    iteration: int, series: str = "x", *, at: float | None = None, **fields: object
) -> Sample:
    given = {"title": "t", "history": 3, "url": f"http://h/{iteration}.png", **fields}
    return Sample(series=series, iteration=iteration, at=iteration if at is None else at, **given)  # type: ignore[arg-type]


def stored(iteration: int, series: str = "x", **fields: object) -> Sample:
    """A sample whose bytes lie in storage."""
    url = f"s3://bucket/{series}-{iteration}.png"
    return sample(iteration, series, **{"url": url, "machine": "box", "digest": "d", **fields})  # type: ignore[arg-type]


def report(store: TaskStore, task_id: str, *events: Sample) -> None:
    offset = store.journal_offset(task_id, 1, "f")
    assert store.apply(task_id, 1, "f", offset, offset + 1, events) == offset + 1


def iterations(store: TaskStore, task_id: str, series: str = "x") -> list[int]:
    return [one.iteration for one in store.history(task_id, Sample, "t", series)]


def test_the_newest_of_each_series_stay_in_the_order_of_their_reports(store: TaskStore) -> None:
    task_id = running(store)
    report(store, task_id, *map(sample, range(5)), sample(7, "y"))
    report(store, task_id, sample(1, at=5.0))
    assert iterations(store, task_id) == [3, 4, 1]
    assert store.history(task_id, Sample, "t", "y") == [sample(7, "y")]
    assert store.history(task_id, Sample, "t", "z") == []
    assert [one.iteration for one in store.history(task_id, Sample, "t", "x", last=2)] == [4, 1]
    assert store.histories(task_id, Sample) == [
        SeriesHistory(title="t", series="x", count=3, at=5.0),
        SeriesHistory(title="t", series="y", count=1, at=7.0),
    ]


def test_the_same_iteration_again_replaces_the_item_and_is_the_newest(store: TaskStore) -> None:
    task_id = running(store)
    report(store, task_id, *map(sample, range(3)), sample(0, at=9.0, url="http://h/new.png"))
    assert iterations(store, task_id) == [1, 2, 0]
    found = store.item(task_id, Sample, "t", "x", 0)
    assert found is not None
    assert found.url == "http://h/new.png"
    assert store.item(task_id, Sample, "t", "x", 5) is None
    report(store, task_id, sample(3, at=10.0))
    assert iterations(store, task_id) == [2, 0, 3]


def test_the_same_report_again_stays_in_its_place(store: TaskStore) -> None:
    task_id = running(store)
    report(store, task_id, *map(sample, range(3)))
    before = store.histories(task_id, Sample)
    store.edit(task_id, sample(1, url="s3://b/placed.png"))
    assert iterations(store, task_id) == [0, 1, 2]
    assert store.histories(task_id, Sample) == before
    assert store.history(task_id, Sample, "t", "x")[1].url == "s3://b/placed.png"
    report(store, task_id, sample(3))
    assert iterations(store, task_id) == [1, 2, 3]


@pytest.mark.parametrize("seed", range(3))
def test_what_stays_does_not_depend_on_the_order_in_which_journals_come(
    store: TaskStore, seed: int
) -> None:
    task_id, events = (
        running(store),
        [stored(one % 7, at=one / 2, url=f"s3://b/{one}") for one in range(20)],
    )
    Random(seed).shuffle(events)
    report(store, task_id, *events)
    assert [one.url for one in store.history(task_id, Sample, "t", "x")] == [
        f"s3://b/{one}" for one in (17, 18, 19)
    ]
    assert set(store.dropped(task_id)) == {f"s3://b/{one}" for one in range(17)}


def test_a_later_attempt_is_newer_whatever_its_clock_says(store: TaskStore) -> None:
    task_id = running(store, continues_at=4)
    report(store, task_id, *(stored(one, at=1000.0 + one) for one in range(3)))
    store.finish(task_id, 1, Outcome(reason=Reason.STOPPED))
    enqueue(store, task_id)
    assert claim(store, task_id, "next").attempt == 2
    store.apply(task_id, 2, "f", 0, 1, [stored(7, at=3.0), stored(1, at=4.0)])
    assert iterations(store, task_id) == [2, 7, 1]


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -1.0, 1e300])
def test_a_time_that_no_clock_has_does_no_harm(store: TaskStore, at: float) -> None:
    task_id = running(store)
    report(store, task_id, sample(1, at=at), sample(2, at=5.0), sample(1, at=at))
    assert iterations(store, task_id) == [1, 2]


@pytest.mark.parametrize(("history", "left"), [(1, [5]), (2, [4, 5]), (9, [2, 3, 4, 5])])
def test_the_last_report_says_how_many_stay(
    store: TaskStore, history: int, left: list[int]
) -> None:
    task_id = running(store)
    report(store, task_id, *map(sample, range(5)), sample(5, history=history))
    assert iterations(store, task_id) == left


@pytest.mark.parametrize("history", [-1, 10**30])
def test_an_odd_history_means_all(history: int) -> None:
    way = Sample.way
    assert isinstance(way, History)
    assert way.last(sample(1, history=history)) == MOST_ITEMS


def test_all_stay_as_far_as_there_is_a_bound(store: TaskStore) -> None:
    task_id = running(store)
    report(store, task_id, *(sample(one, history=0) for one in range(MOST_ITEMS + 2)))
    found = iterations(store, task_id)
    assert (len(found), found[0], found[-1]) == (MOST_ITEMS, 2, MOST_ITEMS + 1)


@pytest.mark.parametrize("title", ODD)
@pytest.mark.parametrize("series", ["x", "\udcff]"])
def test_names_are_any_text(store: TaskStore, title: str, series: str) -> None:
    task_id = running(store)
    for name in ODD:
        report(store, task_id, sample(1, "x", title=name), sample(-1, "x1", title=name, at=0.0))
    more = [sample(3, series, title=title), sample(2**70, series, title=title, at=4.0)]
    report(store, task_id, *more)
    found = store.history(task_id, Sample, title, series)
    assert [one.iteration for one in found] == ([1] if series == "x" else []) + [3, 2**70]
    assert store.item(task_id, Sample, title, series, 2**70) == found[-1]
    names = {(one.title, one.series) for one in store.histories(task_id, Sample)}
    assert names == {(name, "x1") for name in ODD} | {(name, "x") for name in ODD} | {
        (title, series)
    }


def test_the_last_of_all_series_are_read_alone(store: TaskStore) -> None:
    task_id = running(store)
    report(store, task_id, *(sample(one, f"s{one % 4}") for one in range(20)))
    found = store.newest(task_id, Sample, 6)
    assert [one.iteration for one in found] == [14, 15, 16, 17, 18, 19]
    assert len(store.newest(task_id, Sample, 99)) == 12
    assert len(store.kept(task_id, Sample)) == 12
    assert store.newest(running(store), Sample, 3) == []


def test_bytes_that_no_item_names_any_more_are_known_until_they_are_deleted(
    store: TaskStore,
) -> None:
    task_id = running(store)
    report(store, task_id, *map(stored, range(3)), sample(8, "link"))
    assert store.dropped(task_id) == {}
    report(store, task_id, stored(3), stored(2, at=9.0, url="s3://bucket/again.png"))
    assert store.dropped(task_id) == {"s3://bucket/x-0.png": "box", "s3://bucket/x-2.png": "box"}
    assert store.held(task_id) == {
        f"s3://bucket/{name}.png": "box" for name in ("x-1", "x-3", "again")
    }
    store.forget_dropped(task_id, ["s3://bucket/x-0.png", "s3://never/there"])
    assert store.dropped(task_id) == {"s3://bucket/x-2.png": "box"}
    report(store, task_id, stored(2, at=10.0))
    assert store.dropped(task_id) == {"s3://bucket/again.png": "box"}


def test_the_same_bytes_reported_again_are_not_dropped(store: TaskStore) -> None:
    task_id = running(store)
    report(store, task_id, stored(1), stored(1, at=2.0), stored(1, at=2.0))
    assert store.dropped(task_id) == {}


@pytest.mark.parametrize("how", ["claim", "reset"])
def test_a_new_attempt_and_a_reset_clear_it_and_know_of_the_bytes(
    store: TaskStore, how: str
) -> None:
    task_id = running(store)
    report(store, task_id, stored(1), sample(2), stored(3, "\n"))
    store.finish(task_id, 1, Outcome(reason=Reason.STOPPED))
    if how == "reset":
        store.reset(task_id, allowed=tuple(Status))
    else:
        enqueue(store, task_id)
        assert claim(store, task_id, "next").attempt == 2
    assert store.kept(task_id, Sample) == []
    assert store.histories(task_id, Sample) == []
    assert store.held(task_id) == {}
    assert store.dropped(task_id) == {"s3://bucket/x-1.png": "box", "s3://bucket/\n-3.png": "box"}


def test_an_attempt_that_continues_keeps_it(store: TaskStore) -> None:
    task_id = running(store, continues_at=4)
    report(store, task_id, stored(1))
    store.finish(task_id, 1, Outcome(reason=Reason.STOPPED))
    enqueue(store, task_id)
    assert claim(store, task_id, "next").attempt == 2
    assert iterations(store, task_id) == [1]
    assert store.dropped(task_id) == {}


def test_an_unknown_task_has_none(store: TaskStore) -> None:
    task_id = make_record().id
    store.forget_dropped(task_id, ["s3://b/x"])
    assert (store.dropped(task_id), store.held(task_id)) == ({}, {})
    assert store.histories(task_id, Sample) == []
