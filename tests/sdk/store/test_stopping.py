"""A stop, asked for from outside: in the store, and of a runner of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import NotFoundError, TransitionError
from elsewhere.core.folders import Home, RunFolder
from elsewhere.core.notes import Stop
from elsewhere.core.records import Outcome
from elsewhere.store.folder.store import FolderStore
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.stopping import request_stop
from tests.stores import begin, brought_to, claim, waiting


@pytest.fixture
def home(elsewhere_home: Path) -> Home:
    return Home(elsewhere_home)


def test_a_task_that_waits_is_stopped_at_once(store: RedisStore, home: Home) -> None:
    request = request_stop(store, home, waiting(store), message="enough")
    assert (request.before, request.state.status) == (Status.QUEUED, Status.STOPPED)
    assert (request.state.queue, request.state.message) == ("default", "enough")
    assert (request.is_asked, request.is_here, request.was_over) == (False, False, False)


def test_a_task_that_was_only_marked_as_running_is_stopped_at_once(
    store: RedisStore, home: Home
) -> None:
    request = request_stop(store, home, brought_to(store, Status.IN_PROGRESS))
    assert (request.before, request.state.status) == (Status.IN_PROGRESS, Status.STOPPED)
    assert (request.is_asked, request.was_over) == (False, False)


@pytest.mark.parametrize("grace_s", [None, 2.5])
def test_a_runner_of_this_machine_is_asked_as_well_as_its_owner(
    store: RedisStore, home: Home, grace_s: float | None
) -> None:
    task_id = begin(store)
    folder = home.run(task_id, 1).create()
    request = request_stop(store, home, task_id, grace_s=grace_s)
    assert (request.is_asked, request.is_here) == (True, True)
    assert request.state.status is Status.IN_PROGRESS
    assert Stop.read(folder) == Stop(grace_s=grace_s)
    renewal = store.renew(task_id, 1, worker="box", lease_s=60)
    assert (renewal.is_stop_requested, renewal.stop_grace_s) == (True, grace_s)


def test_who_becomes_impatient_shortens_the_grace(store: RedisStore, home: Home) -> None:
    task_id = begin(store)
    folder = home.run(task_id, 1).create()
    for grace_s, is_now in ((None, None), (60.0, 60.0), (None, 60.0), (0.0, 0.0)):
        assert request_stop(store, home, task_id, grace_s=grace_s).is_here
        assert Stop.read(folder) == Stop(grace_s=is_now)


def test_a_stop_brings_back_no_reports_of_an_attempt_that_was_given_up(
    store: RedisStore, home: Home
) -> None:
    task_id = begin(store)
    folder = home.run(task_id, 1).create()
    Stop(keeps_reports=False).write(folder)
    request_stop(store, home, task_id, grace_s=1.0)
    assert Stop.read(folder) == Stop(grace_s=1.0, keeps_reports=False)


def no_folder(folder: RunFolder) -> None:
    """It runs on another machine."""


def acknowledged(folder: RunFolder) -> None:
    folder.create().acked.touch()


def no_place(folder: RunFolder) -> None:
    folder.create().stop.mkdir()


def no_runs(folder: RunFolder) -> None:
    folder.path.parent.parent.mkdir(exist_ok=True)
    folder.path.parent.touch()


@pytest.mark.parametrize("make", [no_folder, acknowledged, no_place, no_runs])
def test_where_no_note_can_be_left_the_owner_is_asked_alone(
    store: RedisStore, home: Home, make: Callable[[RunFolder], None]
) -> None:
    task_id = begin(store)
    make(home.run(task_id, 1))
    request = request_stop(store, home, task_id, grace_s=1.0)
    assert (request.is_asked, request.is_here) == (True, False)
    assert store.state(task_id).stop_requested_at
    assert not home.run(task_id, 1).stop.is_file()


def test_an_attempt_that_begins_while_somebody_asks_is_the_one_that_is_stopped(
    store: RedisStore, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = waiting(store)
    asks = store.request_stop

    def claimed_before(*arguments: str, **named: object) -> Status:
        claim(store, task_id)
        home.run(task_id, 1).create()
        return asks(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "request_stop", claimed_before)
    request = request_stop(store, home, task_id)
    assert (request.before, request.is_here) == (Status.IN_PROGRESS, True)


def test_an_attempt_that_begins_after_the_end_of_the_asked_one_goes_on(
    store: RedisStore, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = begin(store)
    asks = store.request_stop

    def again_behind(*arguments: str, **named: object) -> Status:
        before = asks(*arguments, **named)  # type: ignore[arg-type]
        store.finish(task_id, 1, Outcome(reason=Reason.STOPPED))
        store.move(task_id, Status.QUEUED, allowed=(Status.STOPPED,))
        claim(store, task_id)
        home.run(task_id, 2).create()
        return before

    monkeypatch.setattr(store, "request_stop", again_behind)
    assert not request_stop(store, home, task_id).is_here
    assert Stop.read(home.run(task_id, 2)) is None


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.QUEUED, Status.IN_PROGRESS}))
def test_what_is_over_stays_as_it_is(store: RedisStore, home: Home, status: Status) -> None:
    task_id = brought_to(store, status)
    if status is not Status.STOPPED:
        with pytest.raises(TransitionError, match=f"it is {status}, so nothing runs"):
            request_stop(store, home, task_id)
    request = request_stop(store, home, task_id, message="late", force=True)
    assert (request.before, request.was_over, request.is_asked) == (status, True, False)
    assert (store.state(task_id).status, store.state(task_id).message) == (status, "")


def test_an_unknown_task_is_one(store: RedisStore, home: Home) -> None:
    with pytest.raises(NotFoundError):
        request_stop(store, home, "../" * 10)


def test_a_task_that_runs_offline_is_asked_in_its_folder(tmp_path: Path, home: Home) -> None:
    store = FolderStore(tmp_path)
    request = request_stop(store, home, begin(store))
    assert (request.is_asked, request.is_here) == (True, False)
