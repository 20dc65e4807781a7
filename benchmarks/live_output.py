"""From a line that a task prints to the same line out of `elsewhere logs --follow`."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from benchmarks.laptop import Laptop
from benchmarks.place import QUEUES, command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.place import Place

_LINES: Final = 50
#: waits for its follower, then prints the time at random moments
_CHATTY: Final = f"""\
import random, time

time.sleep(2)
for _ in range({_LINES}):
    time.sleep(random.uniform(0.02, 0.3))
    print("at", repr(time.time()), flush=True)
"""
_PIPE: Final = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}


def measure(place: Place) -> list[Figure]:
    place.start_agent()
    laptop = Laptop(place, chatty=_CHATTY)
    laptop.seconds_to_first_line(laptop.task())
    return [
        Figure(
            name="printed line -> elsewhere logs -f",
            unit="ms",
            samples=_ours(place, laptop),
            targets={"p95": 300},
            beside=Beside(name="printed line -> tail -f of a file", samples=_floor(place)),
        )
    ]


def _ours(place: Place, laptop: Laptop) -> list[float]:
    task_id = laptop.task("chatty")
    place.queues.enqueue(task_id, QUEUES[0])
    logs = place.start(command("elsewhere"), "logs", "--follow", task_id, **_PIPE)
    delays = _delays_ms(logs)
    place.ended(task_id)
    return delays


def _floor(place: Place) -> list[float]:
    path = place.folder / "printed"
    with path.open("wb") as file:
        place.start(sys.executable, "-c", _CHATTY, stdout=file)
        tail = place.start("tail", "-f", path, **_PIPE)
        delays = _delays_ms(tail)
    tail.terminate()
    return delays


def _delays_ms(follower: subprocess.Popen[bytes]) -> list[float]:
    delays: list[float] = []
    assert follower.stdout is not None
    lines: Iterable[bytes] = follower.stdout
    for line in lines:
        now = time.time()
        if line.startswith(b"at "):
            delays.append((now - float(line.split()[1])) * 1000)
        if len(delays) == _LINES:
            break
    return delays
