"""The disk of the engine is full: the task is told so, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason
from tests.engine import SHELL, Dockerd
from tests.sandbox.attempts import Attempts
from tests.sandbox.contained import Contained
from tests.sandbox.registry import registry
from tests.small_disk import needs_small_disk, on_small_disk

_TELLS = "the disk of the engine is full: make room there, by `docker system prune`"
_SHELL = {"binary": "/bin/sh"}

pytestmark = needs_small_disk


@pytest.fixture
def contained(attempts: Attempts, short_path: Path) -> Iterator[Contained]:
    """An engine of this test's own with 64 MiB for its data, which has the small images."""
    data = short_path / "data"
    data.mkdir()
    with Dockerd(short_path, wrapper=on_small_disk(data, "64m")) as engine:
        engine.load(SHELL)
        yield Contained(attempts, engine)


def fill(engine: Dockerd) -> Path:
    """Fills the disk, which is seen where its process sees it. Returns the file that does."""
    pid = (engine.folder / "pid").read_text()
    path = Path(f"/proc/{pid}/root{engine.folder}/data/filler")
    for size in (1 << 20, 1 << 12):
        with path.open("ab", buffering=0) as file, suppress(OSError):
            while file.write(bytes(size)) == size:
                pass
    return path


def test_an_image_for_which_it_has_no_room_fails_the_set_up(contained: Contained) -> None:
    with registry(contained.engine) as name:
        filler = fill(contained.engine)
        outcome = contained.run("", image=name, source=_SHELL).outcome
        assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "image")
        assert outcome.message.startswith(f"The image {name} cannot be pulled: ")
        assert outcome.message.endswith(f"{_TELLS}.")
        filler.unlink()
        assert contained.run("", image=name, source=_SHELL).outcome.reason is Reason.COMPLETED


def test_a_container_for_which_it_has_no_room_fails_the_set_up(contained: Contained) -> None:
    assert contained.run("", image=SHELL, source=_SHELL).outcome.reason is Reason.COMPLETED
    filler = fill(contained.engine)
    outcome = contained.run("", image=SHELL, source=_SHELL).outcome
    assert outcome.reason is Reason.SETUP_FAILED
    assert _TELLS in outcome.message
    assert contained.left() == []
    filler.unlink()
    assert contained.run("", image=SHELL, source=_SHELL).outcome.reason is Reason.COMPLETED
