"""From enqueue to the first line, with neither mirror of the repository nor environment there.

The two packages come from a folder of wheels, for the floor as well. uv's own cache is left as it
is, for both: its owner has it filled.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from benchmarks.laptop import Laptop
from benchmarks.place import PACKAGES, command

if TYPE_CHECKING:
    from benchmarks.place import Place

_SAMPLES: Final = 5


def measure(place: Place) -> list[Figure]:
    agent = place.start_agent()
    laptop = Laptop(place)
    ours, floor = [], []
    for _ in range(_SAMPLES):
        for folder in (place.home.environments, place.home.mirrors):
            shutil.rmtree(folder, ignore_errors=True)
        place.rest(agent)
        ours.append(laptop.seconds_to_first_line(laptop.task()))
        floor.append(_seconds_of_uv(place))
    return [
        Figure(
            name="cold start: enqueue -> first line",
            unit="s",
            samples=ours,
            targets={"max": 2},
            beside=Beside(name="uv venv, uv pip install", samples=floor),
            note=f"{len(PACKAGES)} pure-Python packages from a local folder of wheels",
        )
    ]


def _seconds_of_uv(place: Place) -> float:
    uv, venv = command("uv"), place.folder / "bare"
    started = time.monotonic()
    place.run(uv, "venv", "--quiet", venv)
    place.run(uv, "pip", "install", "--quiet", "--python", venv / "bin" / "python", *PACKAGES)
    seconds = time.monotonic() - started
    shutil.rmtree(venv)
    return seconds
