"""Slots: what fits is claimed, what does not stays in its queue, in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.folders import Home
from elsewhere.core.records import Environment, Outcome
from elsewhere.core.uploads import Placed
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from elsewhere_worker.intake import Intake, Mode
from elsewhere_worker.registration import Registration
from elsewhere_worker.settings import WorkerSettings
from elsewhere_worker.slots import Needs, Slot, Slots
from elsewhere_worker.worker import Worker
from tests.stores import make_record, opened
from tests.waiting import wait_until
from tests.worker.far import FarLauncher


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    with opened(redis_url) as store:
        yield store


@pytest.fixture
def launcher() -> FarLauncher:
    return FarLauncher()


@pytest.fixture
def make_worker(
    store: RedisStore, elsewhere_home: Path, redis_url: str, launcher: FarLauncher
) -> Iterator[Callable[[int], Worker]]:
    workers = []

    def make(slots: int) -> Worker:
        settings = WorkerSettings(
            name="box",
            queues=("high", "low"),
            home=Home(elsewhere_home),
            url=redis_url,
            slots=slots,
        )
        workers.append(
            Worker(
                settings,
                store,
                Queues(store),
                launcher,
                Intake(lambda: Mode.WORKING),
                cast("Registration", None),  # only `run` needs one
                lambda _folder, _upload: Placed(),
                lambda: None,
                lambda: None,
            )
        )
        return workers[-1]

    yield make
    for worker in workers:
        for supervision in worker._supervisions.values():
            supervision.leave()
    wait_until(lambda: not any(worker.running() for worker in workers))


def waiting(store: RedisStore, queue: str, *, gpus: int = 0, memory_bytes: int = 0) -> str:
    environment = Environment(gpus=gpus, memory_bytes=memory_bytes)
    record = make_record(environment=environment)
    store.create(record)
    queues = Queues(store)
    queues.create(queue)
    queues.enqueue(record.id, queue)
    return record.id


def statuses(store: RedisStore, *task_ids: str) -> list[str]:
    return [str(store.state(task_id).status) for task_id in task_ids]


def test_there_are_as_many_slots_as_were_set_less_those_in_use() -> None:
    in_use = [Slot()]
    slots = Slots(2, lambda: in_use)
    assert (slots.take(Needs(gpus=9)), slots.is_full) == (Slot(), False)
    in_use.append(Slot())
    assert (slots.take(Needs()), slots.is_full) == (None, True)


def test_an_agent_runs_as_many_tasks_as_it_has_slots_and_the_next_when_one_is_over(
    store: RedisStore, launcher: FarLauncher, make_worker: Callable[[int], Worker]
) -> None:
    worker = make_worker(2)
    tasks = [waiting(store, "low") for _ in range(3)]
    worker._take_all()
    assert statuses(store, *tasks) == ["in_progress", "in_progress", "queued"]
    worker._take_all()
    assert statuses(store, *tasks)[2] == "queued"
    launcher.found[tasks[0]] = Outcome(reason=Reason.COMPLETED, exit_code=0)
    wait_until(lambda: len(worker.running()) == 1)
    worker._take_all()
    assert statuses(store, *tasks) == ["completed", "in_progress", "in_progress"]


def test_what_was_attached_again_takes_a_slot_even_where_there_are_fewer_than_before(
    store: RedisStore, launcher: FarLauncher, make_worker: Callable[[int], Worker]
) -> None:
    before = make_worker(2)
    first, second = waiting(store, "low"), waiting(store, "low")
    before._take_all()
    for supervision in before._supervisions.values():
        supervision.leave()
    wait_until(lambda: not before.running())
    worker, third = make_worker(1), waiting(store, "low")
    worker._reattach()
    assert len(worker.running()) == 2
    worker._take_all()
    launcher.found[first] = Outcome(reason=Reason.COMPLETED, exit_code=0)
    wait_until(lambda: len(worker.running()) == 1)
    worker._take_all()
    assert statuses(store, first, second, third) == ["completed", "in_progress", "queued"]


def test_a_task_that_does_not_fit_stays_in_its_place_with_those_behind_it(
    store: RedisStore, make_worker: Callable[[int], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Today each task needs a slot and nothing else: here, what wants a device finds none."""
    asked, has_devices = list[Needs](), False

    def take(_: Slots, needs: Needs) -> Slot | None:
        asked.append(needs)
        return None if needs.gpus and not has_devices else Slot()

    monkeypatch.setattr(Slots, "take", take)
    worker = make_worker(9)
    large, behind = waiting(store, "high", gpus=2, memory_bytes=3), waiting(store, "high")
    other = waiting(store, "low")
    worker._take_all()
    assert asked == [Needs(gpus=2, memory_bytes=3), Needs()]
    assert statuses(store, large, behind, other) == ["queued", "queued", "in_progress"]
    entries = store.redis.lrange("rq:queue:high", 0, -1)
    assert entries == [large.encode(), behind.encode()]
    has_devices = True
    worker._take_all()
    assert statuses(store, large, behind) == ["in_progress", "in_progress"]


def test_nothing_is_taken_in_the_place_of_an_entry_that_another_agent_has_taken(
    store: RedisStore, make_worker: Callable[[int], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is next now has needs of its own."""

    def and_the_other_is_quicker(_: Slots, needs: Needs) -> Slot | None:
        if store.redis.llen("rq:queue:low") == 2:
            Queues(store).take(["low"], "other")
        return None if needs.gpus else Slot()

    monkeypatch.setattr(Slots, "take", and_the_other_is_quicker)
    first, large = waiting(store, "low"), waiting(store, "low", gpus=2)
    make_worker(1)._take_all()
    assert statuses(store, first, large) == ["queued", "queued"]
    assert store.redis.lrange("rq:queue:low", 0, -1) == [large.encode()]


def test_the_devices_of_a_slot_reach_the_spec_of_its_run(
    store: RedisStore,
    elsewhere_home: Path,
    make_worker: Callable[[int], Worker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Slots, "take", lambda *_: Slot(devices=("0", "2")))
    task_id = waiting(store, "low", gpus=2)
    make_worker(1)._take_all()
    folder = Home(elsewhere_home).run(task_id, 1)
    wait_until(folder.launched.exists)
    assert '"devices":"0,2"' in folder.spec.read_text()
