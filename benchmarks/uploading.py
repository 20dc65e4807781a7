"""What it takes to keep a large array as an artifact."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure

if TYPE_CHECKING:
    from benchmarks.place import Place

_SAMPLES: Final = 3
#: 200 MB, half of it noise. Prints the seconds of the artifact, in storage at the end, and those of
#: a compressed file and its copy.
_SCRIPT: Final = """\
import shutil, time
import numpy
from elsewhere import Task

noise = numpy.random.default_rng(1).random(12_500_000)
array = numpy.concatenate([noise, numpy.repeat(noise[:1250], 10_000)])
assert array.nbytes == 200_000_000
task = Task.init("benchmark", "uploading", reuse_last_task_id=False, auto_resource_monitoring=False)
started = time.monotonic()
assert task.upload_artifact("array", array)
taken = time.monotonic() - started
while not task.flush(wait_for_uploads=True):
    pass
ours = time.monotonic() - started
started = time.monotonic()
numpy.savez_compressed("plain.npz", array=array)
shutil.copyfile("plain.npz", "copy.npz")
print(taken, ours, time.monotonic() - started)
"""


def measure(place: Place) -> list[Figure]:
    script = place.folder / "uploading.py"
    script.write_text(_SCRIPT)
    taken: list[float] = []
    ours: list[float] = []
    plain: list[float] = []
    for _ in range(_SAMPLES):
        printed = place.run(sys.executable, script, folder=place.folder).splitlines()[-1].split()
        for samples, text in zip((taken, ours, plain), printed, strict=True):
            samples.append(float(text))
    beside = Beside(name="a plain compressed write and a copy", samples=plain)
    return [
        Figure(name=name, unit="s", samples=samples, targets={}, beside=beside)
        for name, samples in (
            ("upload of a 200 MB array, until it is taken", taken),
            ("the same, until it is in storage", ours),
        )
    ]
