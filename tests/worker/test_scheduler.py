"""The scheduler by itself: what it gives to whom, over lines of entries made for it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from elsewhere.core.records import Needs
from elsewhere.store.queues import Entry
from elsewhere_sandbox.slot import Slot
from elsewhere_worker.scheduler import Capacity, Order, Scheduler

GB = 1 << 30


def devices(count: int) -> dict[str, int]:
    return {f"GPU-{number}": 80 * GB for number in range(count)}


def scheduler(
    gpus: int = 2, slots: int = 99, order: Order | None = None, **given: Any
) -> Scheduler:
    rest = {"cores": tuple(range(8)), "memory_bytes": 64 * GB, **given}
    return Scheduler(
        Capacity(slots=slots, devices=devices(gpus), **rest), order or Order(queues=("high", "low"))
    )


def entry(name: str, gpus: float | None = None, queue: str = "low", **given: Any) -> Entry:
    of_entry = {key: given.pop(key) for key in ("priority", "user") if key in given}
    return Entry(queue, name.encode(), Needs(gpus=gpus, **given), **of_entry)


def lines(*entries: Entry) -> Callable[[str], Iterable[Entry]]:
    return lambda queue: (one for one in entries if one.queue == queue)


def chosen(
    scheduler: Scheduler, *entries: Entry, held: Sequence[Slot] = (), busy: Sequence[str] = ()
) -> tuple[str, Slot] | None:
    found = scheduler.choose(lines(*entries), held, lambda: busy)
    return None if found is None else (found[0].item.decode(), found[1])


def name_of(found: tuple[str, Slot] | None) -> str:
    return found[0] if found else ""


def test_queues_come_in_the_order_given() -> None:
    assert name_of(chosen(scheduler(), entry("a", 1), entry("b", 1, "high"))) == "b"


def test_a_task_that_names_nothing_gets_what_its_queue_names_or_an_equal_part() -> None:
    order = Order(queues=("high", "low"), gpus={"high": 3})
    both = (entry("a", None, "high"), entry("b", None, "low"))
    big = scheduler(8, 4, order)
    first = chosen(big, *both)
    assert first is not None
    assert first[1].devices == ("GPU-0", "GPU-1", "GPU-2")
    second = chosen(big, both[1], held=[first[1]])
    assert second is not None
    assert second[1].devices == ("GPU-3", "GPU-4")
    own = chosen(big, entry("c", 1, "high"))
    assert own is not None
    assert own[1].devices == ("GPU-0",)


def test_one_slot_has_all_gpus_that_others_do_not_use() -> None:
    found = chosen(scheduler(4, 1), entry("a"), busy=["GPU-1"])
    assert found is not None
    assert found[1].devices == ("GPU-0", "GPU-2", "GPU-3")


def test_a_task_without_gpus_must_not_see_them_and_runs_beside_all() -> None:
    found = chosen(scheduler(1), entry("a", 0), held=[Slot(devices=("GPU-0",))])
    assert found == ("a", Slot(hides_devices=True))


def test_a_machine_without_gpus_runs_what_names_none_and_hides_nothing() -> None:
    assert chosen(scheduler(0), entry("a")) == ("a", Slot())
    of_gpus = scheduler(0)
    assert chosen(of_gpus, entry("a", 1)) is None
    assert of_gpus.passed_over == ("a Its need of GPUs is 1, and the most here is 0.",)


def test_others_are_looked_for_once_and_only_if_a_gpu_is_free_and_wanted() -> None:
    asked: list[int] = []

    def busy() -> list[str]:
        asked.append(1)
        return []

    plain = scheduler(1)
    plain.choose(lines(entry("a", 0)), [], busy)
    full = [Slot(devices=("GPU-0",))]
    plain.choose(lines(entry("b", 1)), full, busy)
    assert asked == []
    plain.choose(lines(entry("a", 4), entry("b", 4), entry("c", 1)), [], busy)
    assert asked == [1]


def test_a_gpu_of_ours_is_not_taken_for_one_that_others_use() -> None:
    """Our program is what computes on it."""
    held = [Slot(devices=("GPU-0",), share=0.5)]
    found = chosen(scheduler(1, shares_devices=True), entry("a", 0.5), held=held, busy=["GPU-0"])
    assert found is not None
    assert found[1].devices == ("GPU-0",)


def test_parts_fill_a_shared_gpu_before_another_is_begun() -> None:
    shared = scheduler(2, shares_devices=True)
    held: list[Slot] = []
    for gpus in (0.5, 0.25, 0.25, 0.5):
        found = chosen(shared, entry("a", gpus), held=held)
        assert found is not None
        held.append(found[1])
    assert [slot.devices for slot in held] == [("GPU-0",)] * 3 + [("GPU-1",)]
    assert [slot.device_bytes for slot in held] == [40 * GB, 20 * GB, 20 * GB, 40 * GB]
    assert chosen(shared, entry("whole", 1), held=held) is None


def test_thirds_of_a_gpu_are_three() -> None:
    shared, held = scheduler(1, shares_devices=True), list[Slot]()
    for _ in range(3):
        found = chosen(shared, entry("a", 1 / 3), held=held)
        assert found is not None
        held.append(found[1])
    assert chosen(shared, entry("a", 1 / 3), held=held) is None


def test_without_sharing_a_part_is_a_whole_gpu() -> None:
    found = chosen(scheduler(1), entry("a", 0.5))
    assert found is not None
    assert (found[1].devices, found[1].share) == (("GPU-0",), 1.0)


def test_a_whole_gpu_is_kept_from_parts_that_would_never_leave_it_free() -> None:
    shared = scheduler(2, shares_devices=True)
    held = [Slot(devices=("GPU-0",), share=0.5), Slot(devices=("GPU-1",))]
    pair, part = entry("pair", 2), entry("part", 0.5)
    assert chosen(shared, pair, part, held=held) is None
    assert name_of(chosen(shared, part, held=held)) == "part"


def test_memory_and_cores_are_given_once() -> None:
    box = scheduler(0)
    found = chosen(box, entry("a", cpus=3, memory_bytes=40 * GB))
    assert found is not None
    assert (found[1].cores, found[1].memory_bytes) == ((0, 1, 2), 40 * GB)
    held = [found[1]]
    assert chosen(box, entry("b", memory_bytes=30 * GB), held=held) is None
    assert chosen(box, entry("b", cpus=6), held=held) is None
    next_one = chosen(box, entry("b", cpus=5, memory_bytes=24 * GB), held=held)
    assert next_one is not None
    assert next_one[1].cores == (3, 4, 5, 6, 7)


@pytest.mark.parametrize(
    ("needs", "sentence"),
    [
        ({"cpus": 9}, "Its need of cores is 9, and the most here is 8."),
        (
            {"memory_bytes": 65 * GB},
            "Its need of memory is 65.0 GiB, and the most here is 64.0 GiB.",
        ),
    ],
)
def test_a_need_above_the_machine_is_passed_over(needs: dict[str, Any], sentence: str) -> None:
    box = scheduler(0)
    assert name_of(chosen(box, entry("a", **needs), entry("b"))) == "b"
    assert chosen(box, entry("a", **needs)) is None
    assert box.passed_over == (f"a {sentence}",)


def test_the_limits_of_a_slot_are_what_a_task_gets_and_the_most_that_it_may_need() -> None:
    limited = scheduler(0, limits=Needs(cpus=2, memory_bytes=GB, disk_bytes=9 * GB))
    assert chosen(limited, entry("a")) == (
        "a",
        Slot(cores=(0, 1), memory_bytes=GB, disk_bytes=9 * GB),
    )
    assert chosen(limited, entry("a", cpus=3), entry("b", disk_bytes=10 * GB)) is None
    assert limited.passed_over == (
        "a Its need of cores is 3, and the most here is 2.",
        "b Its need of disk is 10.0 GiB, and the most here is 9.0 GiB.",
    )


def test_queues_take_turns_where_that_is_fair() -> None:
    fair = scheduler(order=Order(queues=("high", "low"), is_fair_to_queues=True))
    both = (entry("h", 0, "high"), entry("l", 0, "low"))
    assert [name_of(chosen(fair, *both)) for _ in range(4)] == ["h", "l", "h", "l"]


def test_who_has_least_is_next_where_that_is_fair_behind_a_higher_priority() -> None:
    fair = scheduler(8, order=Order(queues=("low",), is_fair_to_users=True))
    held = [Slot(devices=("GPU-0",), user="ada"), Slot(devices=("GPU-1", "GPU-2"), user="bob")]
    waiting = (entry("b", 1, user="bob"), entry("a", 1, user="ada"), entry("c", 1, user="cy"))
    found = chosen(fair, *waiting, held=held)
    assert found is not None
    assert (found[0], found[1].user) == ("c", "cy")
    assert name_of(chosen(fair, *waiting[:2], held=held)) == "a"
    assert name_of(chosen(fair, entry("b", 1, user="bob", priority=1), *waiting, held=held)) == "b"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [2, 8])
def test_of_500_random_tasks_none_is_starved_and_no_gpu_is_given_twice(
    count: int, seed: int
) -> None:
    """Tasks come while others run, so that there are always small ones, and each task runs at the
    latest when those before it have, and those that ran by then, too."""
    chance = random.Random(seed)
    box = scheduler(count, slots=6, order=Order(queues=("low",)), shares_devices=True)
    needs = [chance.choice((0, 0.25, 0.5, 1, 1, 1, 2, count)) for _ in range(500)]
    line, held, waited = list[Entry](), dict[str, Slot](), dict[str, int]()
    started: list[str] = []
    for turn in range(20_000):
        if len(started) == 500 and not held:
            break
        for number in range(turn * 3, min(500, turn * 3 + 3)):
            line.append(entry(str(number), needs[number]))
        while (found := chosen(box, *line, held=list(held.values()))) is not None:
            name, slot = found
            first = line[0].item.decode()
            waited[first] = waited.get(first, 0) + (name != first)
            line = [one for one in line if one.item.decode() != name]
            held[name] = slot
            started.append(name)
            parts = dict.fromkeys(devices(count), 0.0)
            for one in held.values():
                for device in one.devices:
                    parts[device] += one.share
            assert max(parts.values()) <= 1 + 1e-6
        for name in [name for name in held if chance.random() < 0.4]:
            del held[name]
    assert len(started) == len(set(started)) == 500
    assert max(waited.values(), default=0) < 60
