"""A training never waits for Redis: slow, mute, away or full. Behind it everything is there, once.

The program counts which of its threads use sockets, and trains while the fault is there. What the
speed of its loop is beside that of one without a fault is measured in `benchmarks/`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

import pytest
import redis

from elsewhere import Model
from elsewhere.core.choices import Status
from elsewhere.core.events import Plot, Sample
from elsewhere.store.redis.store import RedisStore
from tests.redis_proxy import RedisProxy
from tests.redis_server import RedisServer
from tests.stores import find, opened
from tests.waiting import wait_until

STEPS = 3000
EACH = 500

#: what counts the uses of sockets, by the thread
COUNTING = """
import collections, socket, threading
used = collections.Counter()
def counted(original):
    def call(*given, **named):
        used[threading.current_thread() is threading.main_thread()] += 1
        return original(*given, **named)
    return call
for name in ("connect", "sendall", "recv", "recv_into"):
    setattr(socket.socket, name, counted(getattr(socket.socket, name)))
"""
PROGRAM = f"""
{COUNTING}
import logging, sys
from elsewhere import OutputModel, Task
task = Task.init("examples", "trained", auto_resource_monitoring=False)
logger, model = task.get_logger(), OutputModel(task, name="net")
task.flush(wait_for_uploads=True)
assert used[True] > 0, "the uses of sockets are not counted"
def turn(word):
    print(word, file=sys.__stderr__, flush=True)
    assert sys.stdin.readline()
turn("begun")
before = used[True]
for step in range({STEPS}):
    print("step", step)
    logger.report_scalar("loss", "train", step / 2, step)
    logger.report_scalar("loss", "counted", 0.5)
    if step % {EACH} == 0:
        logger.report_histogram("hist", "h", [step, 1], iteration=step)
        logger.report_image("image", "i", step, image=[[0, 255], [step % 256, 0]])
        logger.report_text(f"text {{step}}", print_console=False)
        logger.report_single_value("score", step)
        model.report_scalar("accuracy", "test", step, step)
        task.set_progress(100 * step // {STEPS})
        task.set_parameter("General/step", step)
        task.add_tags(f"at-{{step}}")
        task.upload_artifact(f"artifact-{{step}}", {{"step": step}})
        logger.flush()
        model.update_weights("net.bin", auto_delete_file=False, iteration=step)
waits = used[True] - before
turn(f"trained {{waits}} {{used[False]}}")
print("over")
task.close()
"""


class Training:
    """The program, which goes on with each word that it is given."""

    def __init__(self, folder: Path, url: str, place: Path) -> None:
        (folder / "train.py").write_text(PROGRAM)
        (folder / "net.bin").write_bytes(b"weights")
        with (folder / "printed").open("wb") as printed:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "train.py"],
                cwd=folder,
                env={
                    **os.environ,
                    "ELSEWHERE_REDIS_URL": url,
                    "ELSEWHERE_OUTPUT_URI": str(place),
                },
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=subprocess.PIPE,
                text=True,
            )
        self._errors: list[str] = []

    def wait_for(self, word: str) -> list[str]:
        """The words of its line that begins with `word`."""
        for line in cast("IO[str]", self._process.stderr):
            if line.startswith(word):
                return line.split()
            self._errors.append(line)
        raise AssertionError(f"It ended before {word!r}:\n{''.join(self._errors)}")

    def go_on(self) -> None:
        given = cast("IO[str]", self._process.stdin)
        given.write("\n")
        given.flush()

    def end(self) -> None:
        """Waits for its end."""
        _, errors = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, "".join([*self._errors, errors])

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


class Place:
    """A server, and a way to it that may be slow."""

    def __init__(self, folder: Path) -> None:
        self.server = RedisServer(folder, append_only=True)
        self.server.start()
        self.proxy = RedisProxy(folder / "proxy.sock", self.server.socket)

    def set_memory(self, most: str) -> None:
        with redis.Redis.from_url(self.server.url) as client:
            client.config_set("maxmemory", most)


def slow(place: Place) -> Callable[[], None]:
    place.proxy.delay_s = 0.5
    return place.proxy.go_on


def mute(place: Place) -> Callable[[], None]:
    place.proxy.hold()
    return place.proxy.go_on


def away(place: Place) -> Callable[[], None]:
    place.server.stop()
    return place.server.start


def full(place: Place) -> Callable[[], None]:
    place.set_memory("1")
    return lambda: place.set_memory("0")


@pytest.fixture
def place() -> Iterator[Place]:
    with TemporaryDirectory(prefix="ew-", dir="/tmp") as folder:
        place = Place(Path(folder))
        try:
            with place.proxy:
                yield place
        finally:
            place.server.kill()


@pytest.fixture
def training(place: Place, tmp_path: Path) -> Iterator[Training]:
    training = Training(tmp_path, place.proxy.url, tmp_path / "storage")
    yield training
    training.kill()


@pytest.mark.parametrize("fault", [slow, mute, away, full])
def test_a_training_waits_for_no_redis_and_what_it_reports_is_there_once(
    place: Place,
    training: Training,
    fault: Callable[[Place], Callable[[], None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", place.server.url)
    training.wait_for("begun")
    mend = fault(place)
    training.go_on()
    _, waits, of_others = training.wait_for("trained")
    assert int(waits) == 0
    assert int(of_others) > 0
    mend()
    with opened(place.server.url) as store:
        [task_id] = find(store)
        wait_until(lambda: len(store.points(task_id, "loss", "train")) == STEPS, within_s=60)
        training.go_on()
        training.end()
        assert_whole(store, task_id)


def assert_whole(store: RedisStore, task_id: str) -> None:
    assert store.state(task_id).status is Status.COMPLETED
    each = list(range(0, STEPS, EACH))
    train, counted = store.curves([(task_id, "loss", "train"), (task_id, "loss", "counted")])
    assert list(train.iterations) == list(counted.iterations) == list(range(STEPS))
    assert list(train.values) == [step / 2 for step in range(STEPS)]
    assert [plot.iteration for plot in store.history(task_id, Plot, "hist", "h")] == each
    assert [json.loads(plot.figure)["data"][0]["y"] for plot in store.kept(task_id, Plot)] == [
        [step, 1] for step in each
    ]
    samples = store.history(task_id, Sample, "image", "i")
    assert [sample.iteration for sample in samples] == each
    assert all(Path(sample.url.removeprefix("file://")).is_file() for sample in samples)
    assert [text.message for text in store.texts(task_id)] == [f"text {step}" for step in each]
    assert store.points(task_id, "Summary", "score")[-1][2] == each[-1]
    lines = store.output(task_id, limit_bytes=1 << 24).data.decode().splitlines()
    of_steps = [line for line in lines if line.startswith("step ")]
    assert of_steps == [f"step {step}" for step in range(STEPS)]
    assert lines.count("over") == 1
    record: Any = store.read(task_id)
    assert record.parameters["General/step"].value == each[-1]
    assert set(record.tags) == {f"at-{step}" for step in each}
    artifacts = store.artifacts(task_id)
    assert set(artifacts) == {f"artifact-{step}" for step in each}
    assert all(one.url for one in artifacts.values())
    [use] = store.task_models(task_id)
    model = Model(use.model)
    assert model.get_reported_scalars()["accuracy"]["test"]["x"] == each
    assert (model.iteration, bool(model.url)) == (each[-1], True)
