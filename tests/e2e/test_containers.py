"""Tasks in containers, from a laptop to an engine and back, by an agent that has `--docker`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from elsewhere import Task
from tests.e2e.world import Box, Laptop, World, agent
from tests.engine import PYTHON, SHELL, Dockerd
from tests.waiting import wait_until

QUEUE = "ships"
SENDS = f"""
import os, platform, time
from pathlib import Path
from elsewhere import Task

task = Task.init("ships", "a ship", auto_connect_frameworks=False, data=["maps", "log.bin"])
task.set_base_docker({PYTHON!r}, docker_arguments="--env NAME=Nina --shm-size 2m")
task.execute_remotely({QUEUE!r})
import gauge
print("in", Path("/etc/hostname").read_text().strip() == platform.node(), os.environ["NAME"])
print("with", gauge.UNIT, os.statvfs("/dev/shm").f_blocks, os.environ["DEFAULT"])
print("data", Path("maps/north/sea").read_text(), Path("log.bin").read_text())
try:
    Path("log.bin").write_text("other")
except OSError as error:
    print("only to be read:", error.strerror)
task.get_logger().report_scalar("loss", "train", 0.25, 7)
task.upload_artifact("log", {{"miles": 3}})
(task.checkpoint_folder / "last.pt").write_text("weights")
"""
#: waits for a file in its HOME, half way
WAITS = """
import os, time
for i in range(300):
    print("line", i, flush=True)
    while i == 150 and not os.path.exists(os.path.expanduser("~/go")):
        time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def ship(world: World, engine: Dockerd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box whose tasks run in containers, of the image with Python where they name none."""
    folder = tmp_path_factory.mktemp("ship")
    where = {"DOCKER_HOST": engine.url, "ELSEWHERE_AGENT_NAME": "ship"}
    options = ("--queue", QUEUE, "--docker", PYTHON, "--env", "DEFAULT=set")
    box = Box(folder, world.url, world.wheels, *options, environ=where)
    box.start()
    yield box
    box.stop()


def containers(engine: Dockerd, task: Task) -> list[str]:
    """The containers of a task that are there."""
    with closing(engine.client()) as client:
        label = f"elsewhere.task={task.id}"
        found = client.containers.list(all=True, filters={"label": label})
        return [str(one.id) for one in found]


def created(
    laptop: Laptop, ship: Box, code: str, arguments: str = "packages=[]", queue: str = QUEUE
) -> Task:
    """A draft of a script with this code, in a queue."""
    project = laptop.repository("project", {"train.py": code})
    make = f"Task.create('ships', 'made', script='train.py', {arguments})"
    printed = laptop.run(project.folder, "-c", f"from elsewhere import Task\nprint({make}.id)")
    assert printed.code == 0, printed
    task = Task(printed.output.decode().split()[-1], ship.store)
    Task.enqueue(task, queue)
    return task


def test_a_script_sends_itself_into_its_image_and_all_comes_back(
    laptop: Laptop, ship: Box, engine: Dockerd
) -> None:
    project = laptop.repository("project", {"train.py": SENDS, ".gitignore": "*.bin\n"})
    project.write({"maps/north/sea": "of ice", "log.bin": "of wood"})
    printed = laptop.run(project.folder, "train.py")
    task = Task(printed.task_id, ship.store)
    ended = ship.end(task)
    assert ended.status == "completed", ended
    assert "in True Nina" in ended.output
    assert "data of ice of wood\nonly to be read: Read-only file system" in ended.output
    manifest = task.artifacts["run-manifest"].get()
    assert manifest["image"]["name"] == PYTHON
    assert manifest["image"]["id"].startswith("sha256:")
    assert manifest["packages"]["gauge"]["version"] == "2.5"
    assert "with furlong 512 set" in ended.output
    assert task.get_last_scalar_metrics()["loss"]["train"]["last"] == 0.25
    assert task.artifacts["log"].get() == {"miles": 3}
    assert (ship.home / "checkpoints" / task.id / "last.pt").read_text() == "weights"
    assert containers(engine, task) == []


def test_a_restart_of_the_agent_leaves_a_container_alone_and_follows_it(
    laptop: Laptop, ship: Box, engine: Dockerd
) -> None:
    task = created(laptop, ship, WAITS)
    wait_until(lambda: "line 150" in ship.output(task), within_s=60, what="it is half way")
    (before,) = containers(engine, task)
    stopped = agent("stop", environ=ship.environ)
    assert stopped.code == 0, stopped
    ship.start()
    assert containers(engine, task) == [before]
    (home,) = ship.home.glob(f"runs/{task.id}*/home")
    (home / "go").touch()
    ended = ship.end(task)
    assert ended.status == "completed", ended
    lines = [line for line in ended.output.splitlines() if line.startswith("line ")]
    assert lines == [f"line {i}" for i in range(300)]
    assert containers(engine, task) == []


@pytest.mark.row(34)
def test_a_container_that_somebody_removes_is_named(
    laptop: Laptop, ship: Box, engine: Dockerd
) -> None:
    task = created(laptop, ship, WAITS)
    wait_until(lambda: "line 150" in ship.output(task), within_s=60, what="it is half way")
    (one,) = containers(engine, task)
    with closing(engine.client()) as client:
        client.containers.get(one).remove(force=True)
    ended = ship.end(task)
    assert ended.status == "failed", ended
    assert "removed" in ended.outcome.message, ended.outcome


def test_a_program_of_an_image_without_python_is_a_task(laptop: Laptop, ship: Box) -> None:
    arguments = f"binary='/bin/sh', docker={SHELL!r}"
    code = 'for i in 1 2; do printf "mile %s\\n" $i; done; exit 5'
    ended = ship.end(created(laptop, ship, code, arguments))
    assert ended.outcome.exit_code == 5, ended
    assert "mile 1\nmile 2\n" in ended.output


def test_an_argument_that_the_operator_does_not_allow_ends_the_task(
    laptop: Laptop, ship: Box
) -> None:
    ended = ship.end(created(laptop, ship, "", "packages=[], docker_args='--privileged'"))
    assert ended.status == "failed", ended
    assert "--privileged is refused" in ended.outcome.message


def test_an_agent_without_its_engine_fails_its_tasks_and_names_it(
    laptop: Laptop, world: World, tmp_path: Path
) -> None:
    nowhere = f"unix://{tmp_path}/nobody.sock"
    where = {"DOCKER_HOST": nowhere, "ELSEWHERE_AGENT_NAME": "lost"}
    options = ("--queue", "stranded", "--docker", PYTHON)
    lost = Box(tmp_path / "lost", world.url, world.wheels, *options, environ=where)
    lost.start()
    ended = lost.end(created(laptop, lost, "", queue="stranded"))
    lost.stop()
    assert ended.outcome.sentence.startswith("setup_failed"), ended
    assert nowhere in ended.outcome.message
