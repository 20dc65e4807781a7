"""A supervision knows of its runner what the launcher gives: no process, no file of the runner."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import FencedError
from elsewhere.core.folders import Home, RunFolder
from elsewhere.core.notes import Stop
from elsewhere.core.records import Outcome
from elsewhere.core.uploads import Placed
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from elsewhere_sandbox.slot import Slot
from elsewhere_sandbox.spec import RunPolicy
from elsewhere_worker.launcher import Liveness
from elsewhere_worker.owner import Owner
from elsewhere_worker.settings import WorkerSettings
from elsewhere_worker.supervision import Supervision
from tests.stores import opened, running
from tests.waiting import wait_until
from tests.worker.far import FarLauncher

DONE = Outcome(reason=Reason.COMPLETED, exit_code=0)
LOST = Outcome(reason=Reason.LOST, message="Its node is gone.")


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    with opened(redis_url) as store:
        yield store


@pytest.fixture
def launcher() -> FarLauncher:
    return FarLauncher()


@pytest.fixture
def folder(store: RedisStore, elsewhere_home: Path) -> RunFolder:
    """Of a task that this agent has claimed."""
    folder = Home(elsewhere_home).run(running(store), 1)
    return Owner(worker="box", store=store.identity()).take(folder)


@pytest.fixture
def begin(
    store: RedisStore, launcher: FarLauncher, redis_url: str
) -> Iterator[Callable[[RunFolder], Supervision]]:
    begun = []

    def begin(folder: RunFolder) -> Supervision:
        supervision = Supervision(
            folder,
            slot=Slot(),
            settings=WorkerSettings(
                name="box",
                queues=("default",),
                home=Home(folder.path.parent.parent),
                url=redis_url,
                policy=RunPolicy(stop_grace_s=0.0),
            ),
            store=store,
            queues=Queues(store),
            launcher=launcher,
            upload=lambda _folder, _upload: Placed(),
            when_over=lambda _: None,
        )
        supervision.start()
        begun.append(supervision)
        return supervision

    yield begin
    for supervision in begun:
        supervision.leave()
        supervision.join()


Begin = Callable[[RunFolder], Supervision]


def test_an_attempt_is_launched_waited_for_and_finished(
    store: RedisStore, launcher: FarLauncher, folder: RunFolder, begin: Begin
) -> None:
    launcher.found[folder.task_id] = Liveness.PENDING
    supervision = begin(folder)
    wait_until(lambda: launcher.launched == [folder])
    launcher.found[folder.task_id] = Liveness.ALIVE
    assert store.state(folder.task_id).status is Status.IN_PROGRESS
    launcher.found[folder.task_id] = DONE
    supervision.join(10)
    assert store.state(folder.task_id).status is Status.COMPLETED
    assert launcher.ended == []
    assert folder.acked.exists()


def test_a_place_whose_driver_this_machine_lacks_is_found_at_the_claim(
    store: RedisStore,
    launcher: FarLauncher,
    elsewhere_home: Path,
    begin: Begin,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    task_id = running(store, output_uri="gs://bucket/folder")
    owner = Owner(worker="box", store=store.identity())
    begin(owner.take(Home(elsewhere_home).run(task_id, 1))).join(10)
    outcome = store.state(task_id).outcome
    assert outcome is not None
    assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "claim")
    assert "pip install 'elsewhere[gs]'" in outcome.message
    assert launcher.launched == []


def test_what_is_left_of_a_lost_attempt_is_ended_and_a_late_runner_finds_a_stop(
    store: RedisStore, launcher: FarLauncher, folder: RunFolder, begin: Begin
) -> None:
    launcher.found[folder.task_id] = LOST
    begin(folder).join(10)
    assert launcher.ended == [folder]
    assert folder.stop.exists()
    state = store.state(folder.task_id)
    assert state.status is Status.QUEUED, "nothing of the program has run"


@pytest.mark.parametrize("liveness", Liveness)
def test_a_runner_that_does_not_stop_is_ended_by_the_launcher(
    launcher: FarLauncher,
    folder: RunFolder,
    begin: Begin,
    liveness: Liveness,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("elsewhere_worker.supervision.monotonic_s", count(0, 100).__next__)
    launcher.found[folder.task_id] = liveness
    supervision = begin(folder)
    wait_until(lambda: launcher.launched)
    assert launcher.ended == []
    supervision.stop_task(Stop())
    wait_until(lambda: launcher.ended)
    launcher.found[folder.task_id] = LOST


def test_an_attempt_that_is_not_wanted_any_more_is_ended_by_the_launcher(
    store: RedisStore,
    launcher: FarLauncher,
    folder: RunFolder,
    begin: Begin,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("elsewhere_worker.supervision._UNWANTED_S", 0.2)
    supervision = begin(folder)
    wait_until(lambda: launcher.launched)
    store.finish(folder.task_id, 1, DONE)
    with pytest.raises(FencedError):
        store.finish(folder.task_id, 2, DONE)
    supervision.renew()
    supervision.join(10)
    assert launcher.ended == [folder]
    assert folder.stop.exists()
    assert folder.acked.exists()
