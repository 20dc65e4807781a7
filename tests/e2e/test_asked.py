"""What a task asks of its agent is there: folders of the machine, kept files, checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from elsewhere.core.errors import UsageError
from tests.e2e.world import Box, Laptop, World, agent
from tests.redis_server import RedisServer

_PROGRAM: Final = """
import pathlib
from elsewhere import Task
task = Task.init("asked", "all", keep="out/**", mounts={"data/corpus": "corpus", "v.txt": "words"})
checkpoint = task.checkpoint_folder / "step"
if task.running_locally():
    checkpoint.write_text("here")
task.execute_remotely("default")
print("corpus", pathlib.Path("data/corpus/part-0").read_text(), pathlib.Path("v.txt").read_text())
print("checkpoint", checkpoint.read_text() if checkpoint.exists() else "none")
checkpoint.write_text("there")
pathlib.Path("out").mkdir()
pathlib.Path("out/table.csv").write_text("1,2")
pathlib.Path("other.csv").write_text("3,4")
"""


@pytest.fixture(scope="module")
def keeper(world: World) -> Iterator[Box]:
    """A box whose operator has named a folder and a file of its machine."""
    folder = world.wheels.parent / "a"
    (folder / "redis").mkdir(parents=True)
    (folder / "mnt").mkdir()
    (folder / "mnt" / "part-0").write_text("of the machine")
    (folder / "words.txt").write_text("too")
    with RedisServer(folder / "redis") as server:
        box = Box(folder / "box", server.url, world.wheels)
        box.home.mkdir()
        (box.home / "config.toml").write_text(
            f"""
[data]
corpus = "{folder}/mnt"
words = "{folder}/words.txt"
away = "{folder}/away"
"""
        )
        box.start()
        yield box
        box.stop()


@pytest.fixture
def sender(keeper: Box, world: World, tmp_path: Path) -> Laptop:
    return Laptop(world.python, tmp_path, keeper.store, keeper.environ["ELSEWHERE_REDIS_URL"])


def test_a_task_has_what_it_asks_for(keeper: Box, sender: Laptop) -> None:
    project = sender.repository("project", {"train.py": _PROGRAM})
    task = sender.send(project.folder, "train.py")
    ended = keeper.end(task)
    assert ended.status == "completed", ended
    assert "corpus of the machine too" in ended.output
    assert "checkpoint none" in ended.output, "the laptop has its own"
    assert task.artifacts["out/table.csv"].get_local_copy().read_text() == "1,2"
    assert set(task.artifacts) == {"out/table.csv", "run-manifest"}
    task.reset()
    again = keeper.run(task)
    assert again.status == "completed", again
    assert "checkpoint there" in again.output
    with pytest.raises(UsageError, match="belongs to the task that a script is"):
        _ = task.checkpoint_folder
    shown = agent("config", "--json", environ=keeper.environ)
    assert json.loads(shown.output)["data.corpus"]["value"].endswith("/mnt")


@pytest.mark.parametrize(
    ("mounts", "problem"),
    [
        ({"data": "corpse"}, "this agent has no data of that name: add it to [data]"),
        ({"data": "away"}, "is its disk mounted?"),
        ({"train.py": "corpus"}, "its code has something else there"),
    ],
)
def test_a_task_without_its_data_does_not_run(
    keeper: Box, sender: Laptop, mounts: dict[str, str], problem: str
) -> None:
    program = f"""
from elsewhere import Task
Task.init("asked", "lacks", mounts={mounts}).execute_remotely("default")
print("it runs")
"""
    project = sender.repository("project", {"train.py": program})
    ended = keeper.end(sender.send(project.folder, "train.py"))
    assert ended.outcome.sentence.startswith("setup_failed"), ended
    assert problem in ended.outcome.message
    assert "it runs" not in ended.output
