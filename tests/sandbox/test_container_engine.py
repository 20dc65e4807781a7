"""What an engine may do to a run: lack the image, pull it, be away, be restarted."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason
from tests.engine import Dockerd
from tests.sandbox.attempts import Attempts
from tests.sandbox.contained import Contained
from tests.sandbox.registry import registry

#: counts, so that a lost or a doubled byte shows; it goes on when the file `go` is there
COUNTS = """
    import os, time
    for i in range(2000):
        print(i, flush=True)
        if i == 1000:
            while not os.path.exists(os.path.expanduser("~/go")):
                time.sleep(0.01)
    """
COUNTED = "".join(f"{i}\n" for i in range(2000)).encode()


@pytest.fixture
def contained(attempts: Attempts, engine: Dockerd) -> Contained:
    return Contained(attempts, engine)


@contextmanager
def own_engine(folder: Path, *options: str) -> Iterator[Dockerd]:
    """An engine for one test, which ends it."""
    with Dockerd(folder, *options) as engine:
        engine.load()
        yield engine


def test_an_image_that_nobody_has_is_named(contained: Contained) -> None:
    for name, docker in (("127.0.0.1:9/no/such:1", {}), ("no-such:1", {"pull": "never"})):
        outcome = contained.run("", image=name, docker=docker).outcome
        assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "image")
        assert f"The image {name} cannot be" in outcome.message


def test_a_task_without_any_image_is_told_so(contained: Contained) -> None:
    outcome = contained.run("", image="").outcome
    assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "image")
    assert "agent.docker.image" in outcome.message


def test_an_engine_that_does_not_run_is_named(attempts: Attempts, tmp_path: Path) -> None:
    contained = Contained(attempts, Dockerd(tmp_path))
    outcome = contained.run("").outcome
    assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "image")
    assert f"cannot be reached at unix://{tmp_path}/docker.sock" in outcome.message


def test_the_image_is_pulled_with_its_progress_in_the_output(contained: Contained) -> None:
    client = contained.engine.client()
    with registry(contained.engine) as name:
        attempt = contained.make("", image=name, source={"binary": "/bin/sh"})
        attempt.start()
        attempt.wait()
        client.images.remove(name)
    client.close()
    assert attempt.outcome.reason is Reason.COMPLETED, attempt.log
    assert f"The image {name} is pulled.".encode() in attempt.output
    assert b"layers are here" in attempt.output


@pytest.mark.row(34)
def test_a_restart_of_the_engine_neither_loses_nor_doubles_a_byte(
    attempts: Attempts, short_path: Path
) -> None:
    with own_engine(short_path, "--live-restore") as engine:
        contained = Contained(attempts, engine)
        attempt = contained.make(COUNTS)
        attempt.start()
        attempt.wait_for(b"\n1000\n")
        engine.kill(signal.SIGKILL)
        (attempt.folder.path / "home" / "go").touch()
        attempt.wait_for(b"\n1999\n")
        engine.start()
        assert attempt.wait().reason is Reason.COMPLETED, attempt.log
        assert attempt.printed == COUNTED
        assert contained.left() == []


@pytest.mark.row(34)
def test_an_engine_that_takes_its_containers_with_it_is_named(
    attempts: Attempts, short_path: Path
) -> None:
    with own_engine(short_path) as engine:
        contained = Contained(attempts, engine)
        attempt = contained.make(COUNTS)
        attempt.start()
        attempt.wait_for(b"\n1000\n")
        engine.kill()
        engine.start()
        outcome = attempt.wait()
        assert outcome.reason is Reason.KILLED, attempt.log
        assert "engine was stopped" in outcome.message
        assert "live-restore" in outcome.message
        assert contained.left() == []
