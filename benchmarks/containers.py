"""From enqueue to the first line of the user's code in a container, what that takes beyond `docker
run` of the same image: the image is there, and so is the environment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Beside, Figure
from benchmarks.laptop import Laptop
from tests.engine import PYTHON, Dockerd

if TYPE_CHECKING:
    from benchmarks.place import Place

_SAMPLES: Final = 15


def measure(place: Place) -> list[Figure]:
    folder = place.folder / "engine"
    folder.mkdir()
    with Dockerd(folder) as engine:
        engine.load(PYTHON)
        place.environment["DOCKER_HOST"] = engine.url
        shared = ("--volume", f"{place.folder}:{place.folder}")
        agent = place.start_agent("--docker", PYTHON, *shared)
        laptop = Laptop(place)
        laptop.seconds_to_first_line(laptop.task())  # builds the environment
        beyond, floor = [], []
        for _ in range(_SAMPLES):
            place.rest(agent)
            floor.append(_seconds_of_docker(place, *shared))
            place.rest(agent)
            beyond.append(laptop.seconds_to_first_line(laptop.task()) - floor[-1])
        place.end_agent()  # before its engine
    return [
        Figure(
            name="warm start in a container, beyond docker run",
            unit="s",
            samples=beyond,
            targets={"median": 1.2},
            beside=Beside(name="docker run python3 -c", samples=floor),
            is_on_top=True,
        )
    ]


def _seconds_of_docker(place: Place, *options: str) -> float:
    """From the call of `docker run` to the first statement of its program."""
    mark = place.folder / "run-mark"
    code = f"import time; open({str(mark)!r}, 'w').write(repr(time.time()))"
    started_at = time.time()
    place.run("docker", "run", "--rm", "--init", *options, PYTHON, "python3", "-c", code)
    return float(mark.read_text()) - started_at
