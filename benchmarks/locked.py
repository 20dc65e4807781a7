"""An environment of 120 locked distributions, which uv's cache has, from nothing to complete."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from benchmarks.place import command
from elsewhere.core.codec import encode
from elsewhere.core.folders import Home
from elsewhere.core.lock import Lock, Locked
from elsewhere.core.records import Environment
from elsewhere_sandbox.environment import prepare_environment
from tests.plain_setup import PlainSetup
from tests.wheels import write_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place

_SAMPLES: Final = 5
_DISTRIBUTIONS: Final = 120
#: as many modules as the median distribution of a laptop has
_MODULES: Final = 25


class _Timed(PlainSetup):
    """Takes the seconds of the installation alone."""

    seconds = 0.0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        if name == "install":
            self.seconds += time.monotonic() - started


def measure(place: Place) -> list[Figure]:
    lines = []
    for at in range(_DISTRIBUTIONS):
        files = {f"locked{at}/part{part}.py": f"VALUE = {part}\n" for part in range(_MODULES)}
        write_wheel(place.folder / "wheels", f"locked{at}", files=files)
        lines.append(f"locked{at}==1.0")
    (place.folder / "lock.txt").write_text("\n".join(lines))
    _seconds_of_uv(place)  # fills the cache
    ours, floor = [], []
    for at in range(_SAMPLES):
        floor.append(_seconds_of_uv(place))
        ours.append(_seconds(place, lines, at))
    return [
        Figure(
            name=f"a lock of {_DISTRIBUTIONS} distributions",
            unit="s",
            samples=ours,
            targets={"max": 2},
            beside=Beside(name="uv venv, uv pip install --no-deps", samples=floor),
            note=f"each of {_MODULES} modules; ours checks their metadata, too",
        )
    ]


def _seconds(place: Place, lines: list[str], at: int) -> float:
    names = (line.partition("==")[0] for line in lines)
    locked = (Locked(name=name, version="1.0", line=f"{name}==1.0") for name in names)
    lock = Lock(
        python=platform.python_version(),
        implementation=sys.implementation.name,
        system=sys.platform,
        machine=platform.machine(),
        distributions=tuple(locked),
    )
    content = encode(lock).encode()
    digest = hashlib.sha256(content).hexdigest()
    home = Home(place.folder / f"home{at}").ensure()
    folder = home.run("0" * 32, 1).create()
    folder.inputs.mkdir(exist_ok=True)
    (folder.inputs / digest).write_bytes(content)
    setup = _Timed()
    environment = Environment(packages=(), lock=digest)
    made = prepare_environment(
        environment, folder.path, folder, home, setup, inherited=place.environment
    )
    os.close(made.lock)
    shutil.rmtree(home.path)
    return setup.seconds


def _seconds_of_uv(place: Place) -> float:
    uv, venv = command("uv"), place.folder / "bare"
    started = time.monotonic()
    place.run(uv, "venv", "--quiet", venv)
    options = ("--quiet", "--no-deps", "--python", venv / "bin" / "python")
    place.run(uv, "pip", "install", *options, "-r", place.folder / "lock.txt")
    seconds = time.monotonic() - started
    shutil.rmtree(venv)
    return seconds
