"""From enqueue to the first line of the user's code: a small repository with an uncommitted change,
its environment there already."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from benchmarks.laptop import Laptop

if TYPE_CHECKING:
    from benchmarks.place import Place

_SAMPLES: Final = 15


def measure(place: Place) -> list[Figure]:
    agent = place.start_agent()
    laptop = Laptop(place)
    laptop.seconds_to_first_line(laptop.task())  # builds the environment
    ours, floor, phases = [], [], dict[str, list[float]]()
    for _ in range(_SAMPLES):
        place.rest(agent)
        task_id = laptop.task()
        ours.append(laptop.seconds_to_first_line(task_id))
        for item in place.store.phases(task_id):
            phases.setdefault(item.phase.name, []).append(item.phase.seconds or 0.0)
        floor.append(laptop.seconds_of_floor())
    medians = ", ".join(f"{name} {statistics.median(took):.3f}" for name, took in phases.items())
    return [
        Figure(
            name="warm start: enqueue -> first line",
            unit="s",
            samples=ours,
            targets={"median": 0.6},
            beside=Beside(name="git worktree add, python -c", samples=floor),
            note=f"medians of its phases: {medians}",
        )
    ]
