"""One machine, nothing configured: the script, the agent and the embedded server share a home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from elsewhere import Task
from elsewhere.core.folders import Home
from elsewhere.store.redis import embedded
from tests.e2e.world import Box, Laptop, World, agent

_SCRIPT = """
import gauge
from elsewhere import Task
task = Task.init("one machine", "nothing configured")
task.execute_remotely("default")
print("here with a", gauge.UNIT)
"""


@pytest.fixture
def machine(world: World, elsewhere_home: Path, tmp_path: Path) -> Iterator[tuple[Laptop, Box]]:
    home = Home(elsewhere_home)
    box = Box(tmp_path, embedded.ensure(home), world.wheels, home=elsewhere_home)
    box.environ["ELSEWHERE_REDIS_URL"] = ""
    yield Laptop(world.python, tmp_path, box.store, ""), box
    box.store.close()
    embedded.stop(home)


def test_a_task_waits_for_the_agent_to_be_started(machine: tuple[Laptop, Box]) -> None:
    laptop, box = machine
    project = laptop.repository("project", {"train.py": _SCRIPT})
    task = laptop.send(project.folder, "train.py")
    assert task.get_status() == "queued"
    box.start()
    ended = box.end(task)
    assert ended.status == "completed", ended
    assert "here with a furlong" in ended.output
    again = box.run(Task.clone(task))
    assert again.status == "completed", again
    stopped = agent("stop", environ=box.environ)
    assert stopped.code == 0, stopped
