"""Declaring an event is all that it takes: it comes from a journal into each store, is read again,
and goes when its declaration says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from elsewhere.core import kept
from elsewhere.core.choices import Reason, Status
from elsewhere.core.events import EVENTS, Event, declare
from elsewhere.core.folders import Home
from elsewhere.core.journal import JournalWriter
from elsewhere.core.kept import CLAIM, RESET, RESTART, Cleared
from elsewhere.core.records import Outcome
from elsewhere.core.uploads import Placed
from elsewhere.delivery.delivery import Delivery
from elsewhere.store.api import TaskStore
from elsewhere.store.redis.store import RedisStore
from tests.contracts.insides import Inside
from tests.stores import enqueue, running

NEVER: Final = Cleared(0)
STOPPED: Final = Outcome(reason=Reason.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    degrees: float
    place: str = "outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Event):
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Event):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather(Event):
    values: dict[str, Reading] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    is_whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood(Event):
    mood: str
    level: int
    is_serious: bool = True


@pytest.fixture(autouse=True, params=[NEVER, CLAIM, RESET, RESTART, CLAIM | RESET])
def cleared_by(request: pytest.FixtureRequest) -> Iterator[Cleared]:
    """Declares the events, in this module alone: other tests ask for all that there are."""
    before, when = dict(EVENTS), request.param
    declare("note", kept.Recent("notes", last=2, cleared_by=when))(Note)
    declare("step", kept.Recent("steps", last=9, by_attempt=True, cleared_by=when))(Step)
    declare("weather", kept.ByName("weather", Reading, cleared_by=when))(Weather)
    names = {"mood": "mood", "mood_level": "level"}
    way = kept.StateFields(names=names, holds=lambda mood: mood.is_serious, cleared_by=when | RESET)
    declare("mood", way)(Mood)
    yield when
    EVENTS.clear()
    EVENTS.update(before)


REPORTS: Final[tuple[Event, ...]] = (
    *(Note(text=text) for text in ("one", "two", "three \udcff")),
    Step(name="first"),
    Weather(values={"gone": Reading(degrees=0.0)}),
    Weather(values={"here": Reading(degrees=1.5), "there": Reading(degrees=2.0, place="there")}),
    Weather(removed=("gone", "never there")),
    Mood(mood="good", level=3),
    Mood(mood="silly", level=9, is_serious=False),
)
#: class -> what a store then has of it, of attempt 1
KEPT: Final[dict[type[Event], Any]] = {
    Note: [Note(text="two"), Note(text="three \udcff")],
    Step: [(1, Step(name="first"))],
    Weather: {"here": Reading(degrees=1.5), "there": Reading(degrees=2.0, place="there")},
    Mood: {"mood": "good", "mood_level": "3"},
}
NOTHING: Final[dict[type[Event], Any]] = {Note: [], Step: [], Weather: {}, Mood: {}}


def found(store: TaskStore, task_id: str) -> dict[type[Event], Any]:
    return {kind: store.kept(task_id, kind) for kind in KEPT}


def reported(store: TaskStore, **fields: Any) -> str:
    """A running task whose first attempt has reported all of it."""
    task_id = running(store, **fields)
    store.apply(task_id, 1, "f", 0, 1, REPORTS)
    return task_id


def no_upload(*_: object) -> Placed:
    raise AssertionError("There is nothing to upload.")


def test_a_declared_event_is_delivered_from_a_journal_and_read_again(
    store: TaskStore, elsewhere_home: Path
) -> None:
    folder = Home(elsewhere_home).run(running(store), 1).create()
    writer = JournalWriter(folder.journal)
    writer.append(REPORTS)
    writer.close()
    assert Delivery(store, folder, no_upload).pump(is_over=True)
    assert found(store, folder.task_id) == KEPT
    store.edit(folder.task_id, Weather(is_whole=True, values={"new": Reading(degrees=3.0)}))
    assert store.kept(folder.task_id, Weather) == {"new": Reading(degrees=3.0)}


@pytest.mark.parametrize("continues_at", [None, 0], ids=["anew", "continued"])
def test_a_claim_clears_what_is_declared_so(
    store: TaskStore, cleared_by: Cleared, continues_at: int | None
) -> None:
    task_id = reported(store, continues_at=continues_at)
    store.finish(task_id, 1, STOPPED)
    next_one = store.claim(
        task_id, worker="box", token="next", lease_s=60, allowed=(Status.STOPPED,)
    )
    assert next_one.attempt == 2
    is_cleared = RESTART in cleared_by or (continues_at is None and CLAIM in cleared_by)
    assert found(store, task_id) == (NOTHING if is_cleared else KEPT)


def test_a_reset_clears_what_is_declared_so_and_the_whole_state(
    store: TaskStore, cleared_by: Cleared
) -> None:
    task_id = reported(store)
    store.reset(task_id, allowed=tuple(Status))
    left = NOTHING if RESET in cleared_by else {**KEPT, Mood: {}}
    assert found(store, task_id) == left


@pytest.mark.parametrize("target", [Status.CREATED, Status.IN_PROGRESS, Status.CLOSED])
def test_a_move_out_of_an_end_clears_what_is_declared_so(
    store: TaskStore, cleared_by: Cleared, target: Status
) -> None:
    task_id = reported(store)
    store.finish(task_id, 1, STOPPED)
    store.move(task_id, target, allowed=(Status.STOPPED,))
    is_cleared = RESTART in cleared_by and target is not Status.CLOSED
    assert found(store, task_id) == (NOTHING if is_cleared else KEPT)


def test_a_queue_clears_what_is_declared_so(redis_store: RedisStore, cleared_by: Cleared) -> None:
    task_id = reported(redis_store)
    redis_store.finish(task_id, 1, STOPPED)
    enqueue(redis_store, task_id)
    assert found(redis_store, task_id) == (NOTHING if RESTART in cleared_by else KEPT)


def test_a_deleted_task_leaves_nothing_of_it(store: TaskStore, inside: Inside) -> None:
    task_id = reported(store)
    store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED))
    store.delete(task_id)
    assert inside.lasting() == {}
