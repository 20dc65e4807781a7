"""A warm start with an environment of 3 GB beside one with a small environment: nothing on its way
may look at each file."""

from __future__ import annotations

import statistics
import zipfile
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from benchmarks.laptop import Laptop
from benchmarks.place import PACKAGES
from tests.wheels import write_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.place import Place

_SAMPLES: Final = 15
#: what a start with them may take at most, in starts with a small environment
_MOST: Final = 1.2
#: an environment with torch is about this: some libraries, and very many small files
_LIBRARIES: Final = 24
_LIBRARY_BYTES: Final = 128 << 20
_MODULES: Final = 20_000


def measure(place: Place) -> list[Figure]:
    # Of its own, on the same disk: files are links then, and the user's cache stays small.
    place.environment["UV_CACHE_DIR"] = str(place.folder / "uv")
    _write_large(place.folder / "wheels")
    agent = place.start_agent()
    laptop = Laptop(place)
    large = (*PACKAGES, "large==1.0")
    for packages in (PACKAGES, large):
        laptop.seconds_to_first_line(laptop.task(packages=packages))  # builds the environment
    ours: list[float] = []
    small: list[float] = []
    for _ in range(_SAMPLES):
        for samples, packages in ((small, PACKAGES), (ours, large)):
            place.rest(agent)
            samples.append(laptop.seconds_to_first_line(laptop.task(packages=packages)))
    return [
        Figure(
            name="warm start with 3 GB of packages",
            unit="s",
            samples=ours,
            targets={"median": _MOST * statistics.median(small)},
            beside=Beside(name="with two small ones", samples=small),
            note=f"{_LIBRARIES} files of {_LIBRARY_BYTES >> 20} MiB, {_MODULES} modules",
        )
    ]


def _write_large(folder: Path) -> None:
    """Writes a small wheel of large files: zeros are packed well."""
    modules = {f"large/part{at}.py": f"VALUE = {at}\n" for at in range(_MODULES)}
    wheel = write_wheel(folder, "large", files=modules)
    zeros = bytes(_LIBRARY_BYTES)
    with zipfile.ZipFile(wheel, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for at in range(_LIBRARIES):
            archive.writestr(f"large/library{at}.so", zeros)
