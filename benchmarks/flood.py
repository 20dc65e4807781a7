"""What the agent's memory does while a task prints 200 MB."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import psutil

from benchmarks.figures import Beside, Figure
from benchmarks.laptop import Laptop
from benchmarks.place import QUEUES
from elsewhere.core.notes import read_runner

if TYPE_CHECKING:
    from benchmarks.place import Place

_PRINTED_BYTES: Final = 200_000_000
_FLOOD: Final = f"""\
line = "x" * 99
for _ in range({_PRINTED_BYTES} // 100):
    print(line)
"""
#: seconds between two looks at the memory
_LOOK_S: Final = 0.02
_LIMIT_S: Final = 60.0


def measure(place: Place) -> list[Figure]:
    agent = place.start_agent()
    laptop = Laptop(place, flood=_FLOOD)
    laptop.seconds_to_first_line(laptop.task())
    place.rest(agent)
    before = agent.memory_info().rss
    task_id = laptop.task("flood")
    place.queues.enqueue(task_id, QUEUES[0])
    growth, runner_mb, until = [0.0], 0.0, time.monotonic() + _LIMIT_S
    while not (state := place.store.state(task_id)).status.is_final:
        if time.monotonic() > until:
            raise RuntimeError(f"The flood is not over after {_LIMIT_S:.0f} s.")
        growth.append((agent.memory_info().rss - before) / 1e6)
        runner_mb = max(runner_mb, _runner_mb(place, task_id))
        time.sleep(_LOOK_S)
    return [
        Figure(
            name=f"flood of {_PRINTED_BYTES / 1e6:.0f} MB: growth of the agent",
            unit="MB",
            samples=growth,
            targets={},
            beside=Beside(name="its size before", samples=[before / 1e6]),
            note=f"its runner: {runner_mb:.0f} MB at most",
        ),
        Figure(
            name="flood: claim -> all of it in the store",
            unit="s",
            samples=[state.ended_at - state.started_at],
            targets={},
            beside=Beside(name="the same through a bare pipe", samples=[_bare_s(place)]),
        ),
    ]


def _runner_mb(place: Place, task_id: str) -> float:
    folder = place.home.run(task_id, 1)
    runner = read_runner(folder)
    try:
        return psutil.Process(runner.pid).memory_info().rss / 1e6 if runner else 0.0
    except psutil.NoSuchProcess:
        return 0.0


def _bare_s(place: Place) -> float:
    started = time.monotonic()
    bare = place.start(sys.executable, "-u", "-c", _FLOOD, stdout=subprocess.PIPE)
    assert bare.stdout is not None
    while bare.stdout.read1(1 << 18):  # type: ignore[attr-defined]
        pass
    return time.monotonic() - started
