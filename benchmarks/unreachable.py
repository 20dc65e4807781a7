"""The speed of a training whose Redis is slow, mute or away, beside one whose Redis is well."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from tests.redis_proxy import RedisProxy
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from benchmarks.place import Place

_RUNS: Final = 5
_LIMIT_S: Final = 60
#: seconds that each request to a slow Redis waits
_DELAY_S: Final = 0.5
#: 2,000 steps that compute for about a millisecond, each with 10 scalars and a line of output
_STEPS: Final = """\
import sys, time
from elsewhere import Task
task = Task.init("bench", "unreachable")
logger = task.get_logger()
logger.report_scalar("a", "0", 0.0)
task.flush(wait_for_uploads=True)
def turn(word):
    print(word, file=sys.__stderr__, flush=True)
    sys.stdin.readline()
turn("begun")
begun = time.perf_counter()
for n in range(2000):
    for _ in range(20_000):
        pass
    for series in "0123456789":
        logger.report_scalar("a", series, 0.5, n)
    print("step", n)
turn(f"took {time.perf_counter() - begun}")
task.close()
"""


def measure(place: Place) -> list[Figure]:
    folder = place.folder / "u"
    folder.mkdir()
    took: dict[str, list[float]] = {"well": [], "slow": [], "mute": [], "away": []}
    server = RedisServer(folder, append_only=True)
    with server, RedisProxy(folder / "p", server.socket) as proxy:
        for _ in range(_RUNS):
            for way, seconds in took.items():
                seconds.append(_seconds(place, way, server, proxy))
    well = took.pop("well")
    return [
        Figure(
            name=f"2,000 steps of a training whose Redis is {way}",
            unit="s",
            samples=seconds,
            targets={"median": 1.05 * statistics.median(well)},
            beside=Beside(name="whose Redis is well", samples=well),
        )
        for way, seconds in took.items()
    ]


def _seconds(place: Place, way: str, server: RedisServer, proxy: RedisProxy) -> float:
    """How long the steps took, with the fault from their beginning to their end."""
    with subprocess.Popen(
        [sys.executable, "-c", _STEPS],
        env={**place.environment, "ELSEWHERE_REDIS_URL": proxy.url},
        cwd=place.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _wait_for(process, "begun")
        if way == "slow":
            proxy.delay_s = _DELAY_S
        elif way == "mute":
            proxy.hold()
        elif way == "away":
            server.stop()
        took = _wait_for(process, "took")
        proxy.go_on()
        if way == "away":
            server.start()
        process.communicate("\n", timeout=_LIMIT_S)
    return float(took)


def _wait_for(process: subprocess.Popen[str], word: str) -> str:
    """What stands behind `word` in its line; the program goes on from the line before."""
    assert process.stdin is not None
    assert process.stderr is not None
    if word != "begun":
        process.stdin.write("\n")
        process.stdin.flush()
    for line in process.stderr:
        first, _, rest = line.partition(" ")
        if first.strip() == word:
            return rest
    raise RuntimeError(f"The program ended before {word!r}.")
