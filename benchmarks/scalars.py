"""What scalars cost a program, and how fast they are in the store and out of it, beside the peers.

The peers are installed into an environment of their own; one that cannot be is left out.
"""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import Beside, Figure
from elsewhere.core.events import Scalars
from elsewhere.core.scalars import POINT, Column
from tests.stores import running

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.place import Place

logger = logging.getLogger(__name__)

_POINTS: Final = 1_000_000
#: milliseconds in which bare Python starts on the machine that the targets are for
_BARE_MS: Final = 11.0
_RUNS: Final = 3
_LIMIT_S: Final = 900
#: what each script of ours begins with
_BEGIN: Final = """\
import json, os, time
from array import array
from elsewhere import Task
def rss_mb():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
"""
_FLOOD: Final = f"""\
{_BEGIN}
bare, column = time.perf_counter(), array("d")
for n in range({_POINTS}):
    column.append(n)
bare = time.perf_counter() - bare
before = rss_mb()
task = Task.init("bench", "scalars", auto_resource_monitoring=False)
logger = task.get_logger()
logger.report_scalar("loss", "train", 0.0)
task.flush(wait_for_uploads=True)
at_start = rss_mb()
begun = time.perf_counter()
for n in range(1, {_POINTS}):
    logger.report_scalar("loss", "train", n * 0.5, n)
accepted = time.perf_counter() - begun
task.flush(wait_for_uploads=True)
delivered = time.perf_counter() - begun
after = rss_mb()
begun = time.perf_counter()
task.close()
closed = time.perf_counter() - begun
print(json.dumps({{"bare": bare, "accepted": accepted, "delivered": delivered, "id": task.id,
    "close": closed, "at_start": at_start - before, "more": after - at_start}}))
"""
#: a step that computes for about a millisecond, with or without 10 scalars
_STEPS: Final = f"""\
{_BEGIN}
import sys
def step():
    n = 0
    for _ in range(int(sys.argv[2])):
        n += 1
logger = None
if sys.argv[1] == "with":
    task = Task.init("bench", "steps")
    logger = task.get_logger()
    logger.report_scalar("a", "0", 0.0)
    task.flush(wait_for_uploads=True)
begun = time.perf_counter()
for n in range(2000):
    step()
    if logger is not None:
        for series in "0123456789":
            logger.report_scalar("a", series, 0.5, n)
print(time.perf_counter() - begun)
"""
#: 50,000 lines through the tee; the time is written where nothing else is
_LINES: Final = f"""\
{_BEGIN}
import sys
if sys.argv[1] == "with":
    Task.init("bench", "lines")
    time.sleep(1)  # the capture is over, as in a loop
begun = time.perf_counter()
for n in range(50_000):
    print("epoch", n, "loss", n / 7)
sys.stdout.flush()
print(time.perf_counter() - begun, file=open(sys.argv[2], "w"))
"""
#: how each peer reports so many points, offline
_PEERS: Final = {
    "wandb": """\
import os
os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true")
import wandb
run = wandb.init(project="bench")
report = lambda n: run.log({"loss": n * 0.5}, step=n)
""",
    "clearml": """\
from clearml import Task
Task.set_offline(True)
logger = Task.init("bench", "bench", auto_resource_monitoring=False).get_logger()
report = lambda n: logger.report_scalar("loss", "train", n * 0.5, n)
""",
    "mlflow": """\
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.start_run()
report = lambda n: mlflow.log_metric("loss", n * 0.5, step=n)
""",
    "trackio": """\
import trackio
trackio.init(project="bench")
report = lambda n: trackio.log({"loss": n * 0.5}, step=n)
""",
}
_PEER: Final = """
import sys, time
report(0)
count, begun = 0, time.perf_counter()
while (took := time.perf_counter() - begun) < 3:
    count += 1
    report(count)
print("\\n", took / count * 1e6, flush=True)
import os
os._exit(0)
"""


def measure(place: Place) -> list[Figure]:
    slower = max(1.0, _python_start_ms() / _BARE_MS)
    floods = [_run(place, _FLOOD) for _ in range(_RUNS)]
    of_peers = _peers(place)
    best = min(of_peers.values(), default=float("inf"))
    names = ", ".join(f"{name} {took:.0f} us" for name, took in sorted(of_peers.items()))
    bare_us = [one["bare"] / _POINTS * 1e6 for one in floods]
    accepted_us = [one["accepted"] / _POINTS * 1e6 for one in floods]
    append = Beside(name="a number appended to an array", samples=bare_us)
    figures = [
        Figure(
            name="report_scalar returns",
            unit="us",
            samples=accepted_us,
            targets={"median": min(5 * slower, best / 25)},
            beside=append,
            note=f"beside it: {names or 'no peer could be installed'}",
        ),
        Figure(
            name="a point is in the store",
            unit="us",
            samples=[one["delivered"] / _POINTS * 1e6 for one in floods],
            targets={"median": 10 * slower},
            beside=append,
        ),
        Figure(
            name=f"memory of the SDK, with {_POINTS} points reported",
            unit="MB",
            samples=[one["at_start"] + one["more"] for one in floods],
            targets={"max": 40},
            beside=Beside(name="after one", samples=[one["at_start"] for one in floods]),
        ),
        Figure(
            name="close() with nothing pending",
            unit="s",
            samples=[one["close"] for one in floods],
            targets={"median": 0.2},
            beside=Beside(name="bare Python starts", samples=[_python_start_ms() / 1e3]),
        ),
    ]
    return figures + _stored(place, floods[-1]["id"], slower) + _in_programs(place)


def _stored(place: Place, task_id: str, slower: float) -> list[Figure]:
    """What a million points, and many curves, take of the server and of a reader."""
    store, wanted = place.store, [(task_id, "loss", "train")]
    redis = store.redis
    taken_mb = sum(redis.memory_usage(key) for key in redis.keys(f"ew:task:{task_id}:*")) / 1e6
    whole = [_s(lambda: store.curves(wanted)) for _ in range(5)]
    bare = [_s(lambda: redis.get(f"ew:task:{task_id}:points:loss\x1ftrain")) for _ in range(5)]
    few = [_s(lambda: store.curves(wanted, 2000)) * 1e3 for _ in range(20)]
    packed = b"".join(POINT.pack(n, n, n * 0.5) for n in range(10_000))
    names = [str(n) for n in range(20)]
    many = []
    for _ in range(10):
        many.append(running(store))
        columns = tuple(Column("loss", name, packed) for name in names)
        store.apply(many[-1], 1, "f", 0, 1, [Scalars(columns=columns)])
    all_of = [(one, "loss", name) for one in many for name in names]
    drawn, starts = [], []
    for _ in range(5):  # by turns: the machine may be busy with something else for a while
        starts.append(_python_start_ms())
        drawn.append(_s(lambda: store.curves(all_of, 500)) * 1e3)
    ping = [_s(redis.ping) * 1e3 for _ in range(20)]
    return [
        Figure(
            name="a million points in Redis",
            unit="MB",
            samples=[taken_mb],
            targets={"max": 26},
            beside=Beside(name="24 bytes each", samples=[24.0]),
        ),
        Figure(
            name="a million points read",
            unit="s",
            samples=whole,
            targets={"median": 0.5 * slower},
            beside=Beside(name="their bytes alone", samples=bare),
        ),
        Figure(
            name="2,000 of a million points read",
            unit="ms",
            samples=few,
            targets={"median": 50 * slower},
            beside=Beside(name="a bare round trip", samples=ping),
        ),
        Figure(
            name="200 curves of 10,000 points, 500 of each read",
            unit="ms",
            samples=drawn,
            targets={"median": 200 * max(1.0, statistics.median(starts) / _BARE_MS)},
            beside=Beside(name="bare Python starts", samples=starts),
        ),
    ]


def _in_programs(place: Place) -> list[Figure]:
    count = str(_iterations_of_a_millisecond())
    steps: dict[str, list[float]] = {"with": [], "without": []}
    lines: dict[str, list[float]] = {"with": [], "without": []}
    out = place.folder / "took"
    for way in (*steps,) * 5:
        steps[way].append(float(_last(place.run(sys.executable, "-c", _STEPS, way, count))))
    for way in (*lines,) * 15:  # a tenth of a second each
        place.run(sys.executable, "-c", _LINES, way, str(out))
        lines[way].append(float(out.read_text()))
    return [
        Figure(
            name="2,000 steps of 1 ms, each with 10 scalars",
            unit="s",
            samples=steps["with"],
            targets={"median": 1.03 * statistics.median(steps["without"])},
            beside=Beside(name="without us", samples=steps["without"]),
        ),
        Figure(
            name="50,000 lines printed into a pipe",
            unit="s",
            samples=lines["with"],
            targets={"median": 1.15 * statistics.median(lines["without"])},
            beside=Beside(name="without us", samples=lines["without"]),
        ),
    ]


def _peers(place: Place) -> dict[str, float]:
    """Microseconds a point of each peer that can be installed."""
    found = {}
    for name, begin in _PEERS.items():
        folder = place.folder / name
        python = folder / "venv" / "bin" / "python"
        try:
            _command(sys.executable, "-m", "venv", folder / "venv")
            _command(python, "-m", "pip", "install", "--quiet", name)
            found[name] = float(_last(_command(python, "-c", begin + _PEER, folder=folder)))
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            logger.warning("%s is left out: %s", name, error)
    return found


def _command(*argv: str | Path, folder: Path | None = None) -> str:
    done = subprocess.run(
        argv, cwd=folder, stdout=subprocess.PIPE, text=True, timeout=_LIMIT_S, check=True
    )
    return done.stdout


def _run(place: Place, script: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_last(place.run(sys.executable, "-c", script)))
    return found


def _last(printed: str) -> str:
    lines = [line for line in printed.splitlines() if not line.startswith("Elsewhere:")]
    return lines[-1]


def _python_start_ms() -> float:
    bare = [sys.executable, "-S", "-E", "-c", "pass"]
    return min(_s(lambda: subprocess.run(bare, check=True)) for _ in range(10)) * 1e3


def _iterations_of_a_millisecond() -> int:
    def count(times: int) -> None:
        n = 0
        for _ in range(times):
            n += 1  # noqa: SIM113 - as the steps do

    return int(100_000 * 0.001 / min(_s(lambda: count(100_000)) for _ in range(10)))


def _s(call: Any) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
