"""What a task needs of a machine, and its rank in a queue: set on drafts, in scripts, on agents."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere import Task
from elsewhere.core.choices import Status
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import TransitionError
from elsewhere.core.folders import Home, write_beside
from elsewhere.core.process import user_name
from elsewhere.core.records import Needs
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import brought_to, make_record


def made(store: RedisStore, **fields: object) -> Task:
    record = make_record(**fields)
    store.create(record)
    return Task(record.id, store)


def order(store: RedisStore) -> list[str]:
    return [entry.item.decode() for entry in Queues(store).waiting("default")]


def test_needs_are_set_one_by_one_and_cleared(store: RedisStore) -> None:
    task = made(store)
    nothing = dict.fromkeys(("gpus", "cpus", "memory", "disk"))
    assert task.get_resources() == nothing
    task.set_resources(gpus=0.5, memory="32GB")
    task.set_resources(cpus=4, disk=1 << 30)
    assert store.read(task.id).needs == Needs(
        gpus=0.5, cpus=4, memory_bytes=32 << 30, disk_bytes=1 << 30
    )
    assert task.get_resources() == {"gpus": 0.5, "cpus": 4, "memory": 32 << 30, "disk": 1 << 30}
    task.set_resources(gpus=0, memory=0)
    assert task.get_resources() == {"gpus": 0, "cpus": 4, "memory": None, "disk": 1 << 30}
    task.set_resources(gpus="", cpus="", memory="", disk="")
    assert task.get_resources() == nothing


@pytest.mark.parametrize(
    ("text", "count"),
    [("512", 512), ("1.5k", 1536), ("32 GB", 32 << 30), ("2GiB", 2 << 30), ("1tb", 1 << 40)],
)
def test_memory_may_be_a_text(store: RedisStore, text: str, count: int) -> None:
    task = made(store)
    task.set_resources(memory=text)
    assert store.read(task.id).needs.memory_bytes == count


def test_clones_need_the_same_and_are_of_who_makes_them(store: RedisStore) -> None:
    source = made(store, user="ada")
    source.set_resources(gpus=2)
    source.set_time_limit(90)
    source.set_priority(3)
    record = store.read(Task.clone(source).id)
    assert (record.needs.gpus, record.time_limit_s, record.priority) == (2, 90, 3)
    assert record.user == user_name()


def test_a_task_that_waits_can_be_changed_and_one_that_has_ended_cannot(store: RedisStore) -> None:
    Queues(store).create("default")
    task = made(store)
    Task.enqueue(task)
    task.set_resources(gpus=1)
    task.set_time_limit(60)
    assert next(iter(Queues(store).waiting("default"))).needs == Needs(gpus=1)
    ended = Task(brought_to(store, Status.COMPLETED), store)
    with pytest.raises(TransitionError):
        ended.set_resources(gpus=2)
    with pytest.raises(TransitionError):
        ended.set_time_limit(1)


def test_a_higher_priority_goes_first(store: RedisStore) -> None:
    Queues(store).create("default")
    first, second, third = (made(store) for _ in range(3))
    Task.enqueue(first)
    Task.enqueue(second, priority=2)
    Task.enqueue(third, priority=1)
    assert order(store) == [second.id, third.id, first.id]
    first.set_priority(5)
    assert order(store) == [first.id, second.id, third.id]


def test_a_script_asks_for_what_it_needs_before_it_goes_elsewhere(
    scripts: Scripts, store: RedisStore
) -> None:
    Queues(store).create("default")
    ran = scripts.run(
        """
        task = Task.init("examples", "large")
        task.set_resources(gpus=4, memory="64GB")
        task.set_time_limit(3600)
        task.set_priority(1)
        print(json.dumps([task.id]), flush=True)
        task.execute_remotely("default")
        """,
        ELSEWHERE_USER="ada",
    )
    (task_id,) = ran.said
    record = store.read(task_id)
    assert record.needs == Needs(gpus=4, memory_bytes=64 << 30)
    assert (record.time_limit_s, record.priority, record.user) == (3600, 1, "ada")
    assert order(store) == [task_id]


def test_on_an_agent_the_task_is_what_counts(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    record = make_record(needs=Needs(gpus=1), priority=2)
    store.create(record)
    folder = Home(elsewhere_home).run(record.id, 1).create()
    write_beside(folder.spec, {"record": to_plain(record)})
    ran = scripts.run(
        """
        task = Task.init("examples", "large")
        task.set_resources(gpus=4)
        task.set_time_limit(5)
        task.set_priority(9)
        print(json.dumps(task.get_resources()["gpus"]))
        """,
        ELSEWHERE_RUN_FOLDER=str(folder.path),
    )
    assert ran.said == 1
    kept = store.read(record.id)
    assert (kept.needs, kept.time_limit_s, kept.priority) == (Needs(gpus=1), 0, 2)
