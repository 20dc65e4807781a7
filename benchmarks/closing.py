"""How long the end of a script takes that has just reported a lot."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from elsewhere.task import stored

if TYPE_CHECKING:
    from benchmarks.place import Place

_SCALARS: Final = 100_000
_SAMPLES: Final = 5
#: prints the seconds of `close`, and those of as many lines of JSON, written and synced
_SCRIPT: Final = f"""\
import json, os, sys, time
from elsewhere import Task

task = Task.init("benchmark", "closing", reuse_last_task_id=False)
report = task.get_logger().report_scalar
for step in range({_SCALARS}):
    report("loss", "train", 1 / (step + 1), step)
started = time.monotonic()
task.close()
ours = time.monotonic() - started
started = time.monotonic()
with open("lines.json", "w") as file:
    for step in range({_SCALARS}):
        file.write(json.dumps(["loss", "train", 1 / (step + 1), step, time.time()]) + "\\n")
    file.flush()
    os.fsync(file.fileno())
print(ours, time.monotonic() - started)
"""


def measure(place: Place) -> list[Figure]:
    script = place.folder / "closing.py"
    script.write_text(_SCRIPT)
    ours, lines = [], []
    for _ in range(_SAMPLES):
        printed = place.run(sys.executable, script, folder=place.folder).splitlines()[-1].split()
        ours.append(float(printed[0]))
        lines.append(float(printed[1]))
    for task_id in stored.search(place.store, project_name="benchmark"):
        (count,) = {one.count for one in place.store.series(task_id) if one.title == "loss"}
        if count != _SCALARS:
            raise AssertionError(f"{count} of {_SCALARS} scalars have arrived")
    return [
        Figure(
            name=f"close() with {_SCALARS} scalars pending",
            unit="s",
            samples=ours,
            targets={"max": 1},
            beside=Beside(name="as many lines of JSON, written and synced", samples=lines),
        )
    ]
