"""Images that were pulled give way by their last use; those of others, and those in use, stay."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import docker
import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.folders import Home
from elsewhere_sandbox.caches import IMAGES, Kept, collect, kept, make_room
from tests.engine import SHELL, Dockerd
from tests.sandbox.attempts import Attempt, Attempts
from tests.sandbox.contained import Contained
from tests.sandbox.registry import registry

#: goes on when there is a file in its HOME
WAITS = "echo here; while [ ! -e $HOME/go ]; do sleep 0.05; done"


@pytest.fixture
def contained(attempts: Attempts, engine: Dockerd) -> Contained:
    return Contained(attempts, engine)


@pytest.fixture
def client(engine: Dockerd) -> Iterator[docker.DockerClient]:
    with closing(engine.client()) as client:
        yield client


@pytest.fixture
def names(engine: Dockerd) -> Iterator[list[str]]:
    """Two images that a registry has, and the engine has not."""
    with ExitStack() as stack:
        yield [stack.enter_context(registry(engine)) for _ in range(2)]


def run(contained: Contained, image: str, program: str = "true", **docker: str) -> Attempt:
    return contained.make(program, image=image, source={"binary": "/bin/sh"}, docker=docker)


def use(contained: Contained, image: str, **docker: str) -> None:
    attempt = run(contained, image, **docker)
    assert attempt.run().reason is Reason.COMPLETED, attempt.log


def images(home: Home) -> list[Kept]:
    return [one for one in kept(home) if one.kind == IMAGES]


def test_the_image_that_was_not_used_for_longest_goes_first(
    contained: Contained, attempts: Attempts, client: docker.DockerClient, names: list[str]
) -> None:
    for name in (*names, names[0], SHELL):
        use(contained, name)
    home = attempts.home
    newest, oldest = images(home)
    assert [newest.what, oldest.what] == names, "the one that was there is none of them"
    assert newest.size_bytes == client.images.get(newest.what).attrs["Size"]
    assert not newest.is_in_use

    assert collect(home, {IMAGES: newest.size_bytes}) == [oldest]

    has = {tag for image in client.images.list() for tag in image.tags}
    assert names[0] in has
    assert names[1] not in has
    assert collect(home, {IMAGES: 0}) == [newest]
    assert SHELL in {tag for image in client.images.list() for tag in image.tags}
    use(contained, names[1])  # which is pulled again
    assert collect(home, {IMAGES: 0}) != []


def test_an_image_that_a_run_uses_stays(
    contained: Contained, attempts: Attempts, names: list[str]
) -> None:
    attempt = run(contained, names[0], WAITS)
    attempt.start()
    attempt.wait_for(b"here")
    (one,) = images(attempts.home)
    assert one.is_in_use
    assert collect(attempts.home, {IMAGES: 0}) == []
    (attempt.folder.path / "home" / "go").touch()
    assert attempt.wait().reason is Reason.COMPLETED
    assert [each.what for each in collect(attempts.home, {IMAGES: 0})] == [names[0]]


def test_what_somebody_else_uses_by_now_stays(
    contained: Contained, attempts: Attempts, client: docker.DockerClient, names: list[str]
) -> None:
    for name in names:
        use(contained, name)
    client.images.get(names[0]).tag("elsewhere-tests/mine", "1")
    container = client.containers.create(names[1], "true")
    assert collect(attempts.home, {IMAGES: 0}) == []
    container.remove()
    client.images.remove("elsewhere-tests/mine:1")
    client.images.remove(names[0])  # by somebody else
    assert len(collect(attempts.home, {IMAGES: 0})) == 2
    assert images(attempts.home) == []


def test_an_image_that_was_there_is_not_noted_however_it_is_pulled(
    contained: Contained, attempts: Attempts, client: docker.DockerClient, names: list[str]
) -> None:
    client.images.pull(names[0])
    use(contained, names[0], pull="always")
    assert images(attempts.home) == []
    client.images.remove(names[0])
    use(contained, names[0], pull="always")
    use(contained, names[0], pull="always")
    assert [one.what for one in collect(attempts.home, {IMAGES: 0})] == [names[0]]


def test_images_make_room_only_on_the_disk_that_they_are_on(
    contained: Contained, attempts: Attempts, names: list[str], tmp_path: Path
) -> None:
    use(contained, names[0])
    (note,) = attempts.home.images.glob("*.json")
    text = note.read_text()
    root = contained.engine.folder / "data"
    assert str(root) in text
    note.write_text(text.replace(str(root), "/proc"))
    assert IMAGES not in {one.kind for one in make_room(attempts.home, 1 << 50)}
    note.write_text(text)
    assert IMAGES in {one.kind for one in make_room(attempts.home, 1 << 50)}


def test_an_image_of_an_engine_that_is_away_stays_noted(
    contained: Contained, attempts: Attempts, names: list[str], tmp_path: Path
) -> None:
    use(contained, names[0])
    (note,) = attempts.home.images.glob("*.json")
    text = note.read_text()
    note.write_text(text.replace(contained.engine.url, f"unix://{tmp_path}/nobody.sock"))
    # A process of its own: the engine's SDK leaves a socket open that found nobody.
    clears = "from elsewhere_agent.command import main; main(['cache', 'clear', 'images'])"
    cleared = subprocess.run([sys.executable, "-c", clears], capture_output=True, check=True)
    assert cleared.stdout.startswith(b"Removed 0, 0 B; left 1, ")
    note.write_text(text)
    assert len(collect(attempts.home, {IMAGES: 0})) == 1
