"""A hundred tiny tasks, enqueued at once, through the four slots of one agent."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from benchmarks.laptop import Laptop
from benchmarks.place import QUEUES

if TYPE_CHECKING:
    from benchmarks.place import Place

_TASKS: Final = 100
_SLOTS: Final = 4
#: a second, in tasks: where bare Python starts in 11 ms on two cores
_TARGET: Final = 8


def measure(place: Place) -> list[Figure]:
    agent = place.start_agent("--slots", str(_SLOTS))
    laptop = Laptop(place)
    laptop.seconds_to_first_line(laptop.task())
    place.rest(agent)
    tasks = [laptop.task() for _ in range(_TASKS)]
    began_at = place.store.now()
    for task_id in tasks:
        place.queues.enqueue(task_id, QUEUES[0])
    seconds = max(place.ended(task_id).ended_at for task_id in tasks) - began_at
    return [
        Figure(
            name=f"{_TASKS} tiny tasks, {_SLOTS} slots: each",
            unit="s",
            samples=[seconds / _TASKS],
            targets={"max": 1 / _TARGET},
            beside=Beside(name="bare python, four at once", samples=[_floor(place)]),
            note=f"all: {seconds:.1f} s, so {_TASKS / seconds:.1f} tasks/s",
        )
    ]


def _floor(place: Place) -> float:
    """Seconds each, of as many bare Pythons."""
    started = time.monotonic()
    with ThreadPoolExecutor(_SLOTS) as pool:
        list(pool.map(lambda _: place.run(sys.executable, "-c", "pass"), range(_TASKS)))
    return (time.monotonic() - started) / _TASKS
