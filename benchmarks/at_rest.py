"""What an agent costs that has nothing to do, and a runner that waits."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from benchmarks.figures import Beside, Figure
from benchmarks.laptop import Laptop
from benchmarks.peer import start_peer
from benchmarks.place import QUEUES
from elsewhere.core.notes import read_runner
from tests.waiting import wait_until

if TYPE_CHECKING:
    from benchmarks.place import Place

_WATCHED_S: Final = 20.0
_SLEEPING: Final = "import time; time.sleep(600)\n"


def measure(place: Place) -> list[Figure]:
    agent = place.start_agent()
    (server,) = agent.children()
    bare = psutil.Process(place.start(sys.executable, "-c", _SLEEPING).pid)
    peer, _ = start_peer(place)
    watched = [agent, server, peer]
    before = [_cpu_s(process) for process in watched]
    time.sleep(_WATCHED_S)
    shares = [
        (_cpu_s(process) - used) / _WATCHED_S * 100
        for process, used in zip(watched, before, strict=True)
    ]
    agent_mb, server_mb, peer_mb = map(_megabytes, watched)
    bare_mb = _megabytes(bare)

    def share(name: str, value: float) -> Figure:
        beside = Beside(name="plain RQ worker at rest", samples=[shares[2]])
        targets = {"max": 0.5}
        return Figure(
            name=name, unit="% of a core", samples=[value], targets=targets, beside=beside
        )

    def memory(name: str, value: float, target: float, other: str, other_mb: float) -> Figure:
        beside = Beside(name=other, samples=[other_mb])
        return Figure(name=name, unit="MB", samples=[value], targets={"max": target}, beside=beside)

    return [
        share("agent at rest", shares[0]),
        share("its fork server", shares[1]),
        memory("agent at rest, resident", agent_mb, 60, "plain RQ worker at rest", peer_mb),
        memory("its fork server, resident", server_mb, 40, "bare python, asleep", bare_mb),
        memory("runner of a sleeping task", _runner_mb(place), 40, "bare python, asleep", bare_mb),
    ]


def _runner_mb(place: Place) -> float:
    laptop = Laptop(place, sleeping=_SLEEPING)
    task_id = laptop.task("sleeping")
    place.queues.enqueue(task_id, QUEUES[0])
    folder = place.home.run(task_id, 1)
    wait_until(folder.child.exists, within_s=30, what="the task runs")
    runner = read_runner(folder)
    assert runner is not None
    process = psutil.Process(runner.pid)
    place.rest(process)
    return _megabytes(process)


def _cpu_s(process: psutil.Process) -> float:
    """Of all its threads, in nanoseconds' steps: psutil's are 10 ms, as much as is used in all."""
    threads = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1e6
