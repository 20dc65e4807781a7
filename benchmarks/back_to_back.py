"""Ten tiny tasks, enqueued at once, one after another through one slot."""

from __future__ import annotations

import itertools
import sys
import time
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from benchmarks.laptop import Laptop
from benchmarks.place import QUEUES

if TYPE_CHECKING:
    from benchmarks.place import Place

_TASKS: Final = 10


def measure(place: Place) -> list[Figure]:
    agent = place.start_agent()
    laptop = Laptop(place)
    laptop.seconds_to_first_line(laptop.task())
    place.rest(agent)
    tasks = [laptop.task() for _ in range(_TASKS)]
    began_at = place.store.now()
    for task_id in tasks:
        place.queues.enqueue(task_id, QUEUES[0])
    ends = [place.ended(task_id).ended_at for task_id in tasks]
    ours = [end - before for before, end in itertools.pairwise([began_at, *ends])]
    return [
        Figure(
            name="ten tiny tasks, one slot: from end to end",
            unit="s",
            samples=ours,
            targets={"max": 0.7},
            beside=Beside(
                name="ten times bare python",
                samples=[_seconds_of_python(place) for _ in range(_TASKS)],
            ),
            note=f"all ten: {ends[-1] - began_at:.2f} s, so {(ends[-1] - began_at) / _TASKS:.3f} s"
            " each",
        )
    ]


def _seconds_of_python(place: Place) -> float:
    started = time.monotonic()
    place.run(sys.executable, "-c", "pass")
    return time.monotonic() - started
