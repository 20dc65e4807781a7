"""What a script pays for being a task: the imports, and `Task.init` with `close`, the embedded
server running already. Times of whole processes, over those of bare Python right beside them."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from benchmarks.laptop import Laptop

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.place import Place

_SAMPLES: Final = 15
_TASK: Final = "from elsewhere import Task; Task.init('benchmark', 'empty').close()\n"
_BARE: Final = "bare python"


def measure(place: Place) -> list[Figure]:
    repository, alone = Laptop(place).repository, place.folder / "alone"
    alone.mkdir()
    return [
        _over_bare(place, "import elsewhere", "import elsewhere", alone, "ms", 30),
        _over_bare(
            place, "from elsewhere import Task", "from elsewhere import Task", alone, "ms", 30
        ),
        _over_bare(place, "Task.init, close, outside git", _TASK, alone, "s", 0.5),
        _over_bare(place, "Task.init, close, in a repository", _TASK, repository, "s", 0.5),
    ]


def _over_bare(
    place: Place, name: str, code: str, folder: Path, unit: str, target: float
) -> Figure:
    script, empty = folder / "script.py", folder / "empty.py"
    script.write_text(code)
    empty.write_text("")
    factor = {"ms": 1000.0, "s": 1.0}[unit]
    _seconds(place, script)  # compiles, and fills the page cache
    ours, bare = [], []
    for _ in range(_SAMPLES):
        bare.append(_seconds(place, empty) * factor)
        ours.append(_seconds(place, script) * factor - bare[-1])
    return Figure(
        name=f"{name}, over bare python",
        unit=unit,
        samples=ours,
        targets={"median": target},
        beside=Beside(name=_BARE, samples=bare),
        is_on_top=True,
    )


def _seconds(place: Place, script: Path) -> float:
    started = time.monotonic()
    place.run(sys.executable, script, folder=script.parent)
    return time.monotonic() - started
