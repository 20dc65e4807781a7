"""A base image for deploy/: the packages and the server that a build gets from the network lie in
it, with a configuration of pip that finds them there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from elsewhere.capture.installed import Installed
from elsewhere.capture.wheel import pack
from tests.engine import PYTHON, Dockerd

NAME: Final = "elsewhere-tests/deploy:1"
_DOCKERFILE: Final = f"""
FROM {PYTHON}
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY wheels /wheels
COPY pip.conf /etc/pip.conf
RUN : > /etc/apt/sources.list && mkdir -p /var/cache/apt/archives/partial && \\
    ln -s /usr/bin/redis-server /usr/local/bin/valkey-server
"""
_PIP: Final = "[global]\nno-index = true\nfind-links = /wheels\n"
_LARGEST: Final = 1 << 30


def build(engine: Dockerd, folder: Path) -> None:
    """Builds it, with `folder` as its context."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    for found in _needed():
        wheel = pack(Installed(Path(str(found.locate_file(_info(found))))), _LARGEST)
        (wheels / wheel.name).write_bytes(wheel.content)
    (folder / "pip.conf").write_text(_PIP)
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    with closing(engine.client()) as client:
        client.images.build(path=str(folder), tag=NAME)


def _needed() -> Iterator[Distribution]:
    """The agent's requirements, those of its build, and theirs, as they are installed here."""
    left = [("elsewhere", "agent"), ("hatchling", "")]
    known = set()
    while left:
        name, extra = left.pop()
        if (name, extra) in known:
            continue
        known.add((name, extra))
        found = distribution(name)
        for text in found.requires or ():
            one = Requirement(text)
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                left += [(one.name, wanted) for wanted in ("", *one.extras)]
        if name != "elsewhere" and (name, "") in known and extra == "":
            yield found


def _info(found: Distribution) -> str:
    (metadata,) = (
        file for file in found.files or () if file.name == "METADATA" and len(file.parts) == 2
    )
    return metadata.parts[0]
