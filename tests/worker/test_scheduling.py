"""The worker and its scheduler: what fits is claimed, what does not stays in its place."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.folders import Home
from elsewhere.core.records import Needs, Outcome
from elsewhere.core.uploads import Placed
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from elsewhere_sandbox.slot import Slot
from elsewhere_worker.gpus import Gpus
from elsewhere_worker.intake import Intake, Mode
from elsewhere_worker.owner import Owner
from elsewhere_worker.registration import Registration
from elsewhere_worker.settings import WorkerSettings
from elsewhere_worker.worker import Worker
from tests.nvml import FakeMachine
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


class FewGpus(Gpus):
    """GPUs of which others use those that are `used`."""

    def __init__(self, count: int) -> None:
        super().__init__("none")
        self.devices = {f"GPU-{number}": 80 << 30 for number in range(count)}
        self.used: set[str] = set()

    def busy(self) -> set[str]:
        return self.used


Make = Callable[..., Worker]


@pytest.fixture
def make_worker(
    store: RedisStore, elsewhere_home: Path, redis_url: str, launcher: FarLauncher
) -> Iterator[Make]:
    workers = []

    def make(slots: int, gpus: Gpus | None = None, **settings: Any) -> Worker:
        config = WorkerSettings(
            name="box",
            queues=("high", "low"),
            home=Home(elsewhere_home),
            url=redis_url,
            slots=slots,
            **settings,
        )
        workers.append(
            Worker(
                config,
                store,
                Queues(store),
                launcher,
                Intake(lambda: Mode.WORKING, lambda _mode: None),
                cast("Registration", None),  # only `run` needs one
                lambda _folder, _upload: Placed(),
                lambda: None,
                lambda: None,
                gpus,
            )
        )
        return workers[-1]

    yield make
    for worker in workers:
        leave(worker)


def are_over(worker: Worker, task_ids: Iterable[str]) -> bool:
    return not any(name.partition(".")[0] in task_ids for name in worker.running())


def leave(worker: Worker) -> None:
    """Ends the supervisions, as at the end of an agent: the runs go on."""
    for supervision in worker._supervised():
        supervision.leave()
    wait_until(lambda: not worker.running())


def waiting(store: RedisStore, queue: str, gpus: float | None = None, **given: Any) -> str:
    record = make_record(needs=Needs(gpus=gpus), **given)
    store.create(record)
    queues = Queues(store)
    queues.create(queue)
    queues.enqueue(record.id, queue)
    return record.id


def devices_of(home: Path, task_id: str) -> tuple[str, ...]:
    owner = Owner.of(Home(home).run(task_id, 1))
    assert owner is not None
    return owner.slot.devices


def passed_over(worker: Worker) -> list[str]:
    return list(worker._scheduler.passed_over)


def statuses(store: RedisStore, *task_ids: str) -> list[str]:
    return [str(store.state(task_id).status) for task_id in task_ids]


def test_an_agent_runs_as_many_tasks_as_it_has_slots_and_the_next_when_one_is_over(
    store: RedisStore, launcher: FarLauncher, make_worker: Make
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
    store: RedisStore, launcher: FarLauncher, make_worker: Make
) -> None:
    before = make_worker(2)
    first, second = waiting(store, "low"), waiting(store, "low")
    before._take_all()
    leave(before)
    worker, third = make_worker(1), waiting(store, "low")
    worker._reattach()
    assert len(worker.running()) == 2
    worker._take_all()
    launcher.found[first] = Outcome(reason=Reason.COMPLETED, exit_code=0)
    wait_until(lambda: len(worker.running()) == 1)
    worker._take_all()
    assert statuses(store, first, second, third) == ["completed", "in_progress", "queued"]


def test_a_task_that_does_not_fit_keeps_its_place_and_those_behind_it_get_the_rest(
    store: RedisStore, elsewhere_home: Path, launcher: FarLauncher, make_worker: Make
) -> None:
    worker = make_worker(9, FewGpus(3))
    running = waiting(store, "high", 2)
    large, small = waiting(store, "high", 2), waiting(store, "high", 1)
    plain = waiting(store, "low", 0)
    worker._take_all()
    assert statuses(store, running, large, small, plain) == [
        *("in_progress", "queued", "queued", "in_progress"),
    ]
    assert store.redis.lrange("rq:queue:high", 0, -1) == [large.encode(), small.encode()]
    launcher.found[running] = Outcome(reason=Reason.COMPLETED, exit_code=0)
    wait_until(lambda: len(worker.running()) == 1)
    worker._take_all()
    assert statuses(store, large, small) == ["in_progress", "in_progress"]
    assert not set(devices_of(elsewhere_home, large)) & set(devices_of(elsewhere_home, small))


def test_what_can_never_run_here_is_passed_over_and_said_once(
    store: RedisStore, make_worker: Make, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make_worker(2, FewGpus(2))
    large, small = waiting(store, "high", 4), waiting(store, "high", 1)
    worker._take_all()
    worker._take_all()
    assert statuses(store, large, small) == ["queued", "in_progress"]
    sentence = "Its need of GPUs is 4, and the most here is 2."
    assert passed_over(worker) == [f"{large} {sentence}"]
    assert caplog.text.count(f"task {large} is passed over. {sentence}") == 1
    Queues(store).dequeue(large)
    worker._take_all()
    assert passed_over(worker) == []


def test_a_gpu_that_somebody_else_uses_is_left_alone_until_it_is_free(
    store: RedisStore, elsewhere_home: Path, make_worker: Make
) -> None:
    gpus = FewGpus(2)
    worker = make_worker(9, gpus)
    gpus.used = {"GPU-0"}
    first, pair = waiting(store, "high", 1), waiting(store, "high", 2)
    worker._take_all()
    assert statuses(store, first, pair) == ["in_progress", "queued"]
    assert devices_of(elsewhere_home, first) == ("GPU-1",)
    assert passed_over(worker) == [f"{pair} Its need of GPUs is 2, and of the 2 here others use 1."]
    gpus.used = set()
    second = waiting(store, "low", 1)  # GPU-0 is kept for the pair
    worker._take_all()
    assert statuses(store, pair, second) == ["queued", "queued"]
    assert passed_over(worker) == []


def test_an_agent_that_comes_back_gives_no_gpu_twice(
    store: RedisStore, elsewhere_home: Path, launcher: FarLauncher, make_worker: Make
) -> None:
    before = make_worker(9, FewGpus(2))
    first = waiting(store, "low", 1)
    before._take_all()
    leave(before)
    worker = make_worker(9, FewGpus(2))
    pair, second = waiting(store, "high", 2), waiting(store, "low", 1)
    worker._reattach()
    worker._take_all()
    assert statuses(store, first, pair, second) == ["in_progress", "queued", "queued"]
    launcher.found[first] = Outcome(reason=Reason.COMPLETED, exit_code=0)
    wait_until(lambda: not worker.running())
    worker._take_all()
    assert statuses(store, pair, second) == ["in_progress", "queued"]


def test_nothing_is_taken_in_the_place_of_an_entry_that_another_agent_has_taken(
    store: RedisStore, make_worker: Make
) -> None:
    """What is next now has needs of its own, and gets what they are."""

    class Quicker(FewGpus):
        def busy(self) -> set[str]:
            Queues(store).take(["low"], "other", first.encode())
            return set()

    first, large = waiting(store, "low"), waiting(store, "low", 2)
    worker = make_worker(1, Quicker(2))
    worker._take_all()
    assert statuses(store, first, large) == ["queued", "in_progress"]
    assert store.redis.lrange("ew:taken:other", 0, -1) == [first.encode()]


def test_the_devices_of_a_slot_reach_the_spec_of_its_run(
    store: RedisStore, elsewhere_home: Path, make_worker: Make
) -> None:
    task_id = waiting(store, "low", 2)
    make_worker(1, FewGpus(3))._take_all()
    folder = Home(elsewhere_home).run(task_id, 1)
    wait_until(folder.launched.exists)
    spec = json.loads(folder.spec.read_text())
    assert spec["slot"]["devices"] == ["GPU-0", "GPU-1"]


def test_a_queue_of_thousands_that_cannot_run_here_hides_none_behind_it(
    store: RedisStore, make_worker: Make
) -> None:
    for _ in range(120):
        waiting(store, "low", 4)
    last = waiting(store, "low", 1)
    make_worker(2, FewGpus(2))._take_all()
    assert statuses(store, last) == ["in_progress"]


class Machine(FakeMachine):
    """So many idle GPUs, behind the real nvidia-ml-py; those that tasks have are computed on."""

    def __init__(self, path: Path, count: int) -> None:
        super().__init__(path)
        self.put(count=count)
        for number in range(count):
            self.put_gpu(number, uuid=f"GPU-{number}", total=81920, used=520, processes="")

    def compute(self, slots: Iterable[Slot]) -> None:
        held = {device for slot in slots for device in slot.devices}
        lines = {f"{one.removeprefix('GPU-')}.processes": "77:4000" for one in held}
        idle = {name: "" for name in self._lines if name.endswith(".processes")}
        self.put(**{**idle, **lines})


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("count", [2, 8])
def test_no_gpu_is_given_twice_and_all_tasks_run_also_if_the_agent_is_killed_meanwhile(
    store: RedisStore,
    launcher: FarLauncher,
    make_worker: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    """Of 250 random tasks, while the agent is replaced again and again."""
    monkeypatch.setenv("FAKE_NVML", str(tmp_path / "machine"))
    machine, chance = Machine(tmp_path / "machine", count), random.Random(count)
    tasks = [
        waiting(store, chance.choice(("high", "low")), chance.choice((0, 0.5, 1, 1, 2, count)))
        for _ in range(250)
    ]
    make = partial(make_worker, 6, shares_gpus=True)
    worker, ended = make(gpus=Gpus()), set[str]()
    while len(ended) < len(tasks):
        worker._take_all()
        slots = [supervision.slot for supervision in worker._supervised()]
        parts: dict[str, float] = {}
        for slot in slots:
            for device in slot.devices:
                parts[device] = parts.get(device, 0.0) + slot.share
        assert max(parts.values(), default=0.0) <= 1
        machine.compute(slots)
        running = [folder.partition(".")[0] for folder in worker.running()]
        assert running, "a task that fits is run"
        over = chance.sample(running, chance.randint(1, len(running)))
        if chance.random() < 0.1:  # the agent dies: its runs go on
            leave(worker)
            worker = make(gpus=Gpus())
            worker._reattach()
        for task_id in over:
            launcher.found[task_id] = Outcome(reason=Reason.COMPLETED, exit_code=0)
        wait_until(partial(are_over, worker, over))
        machine.compute(supervision.slot for supervision in worker._supervised())
        ended |= set(over)
    assert ended == set(tasks)
    assert not passed_over(worker)
