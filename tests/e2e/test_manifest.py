"""The manifest of a run: an artifact that says what it was made of, the same for the same."""

from __future__ import annotations

import json
import platform
from typing import Any

from tests.e2e.world import Box, Laptop, World

PROGRAM = """
import gauge
from elsewhere import Task
task = Task.init("manifests", "train", auto_resource_monitoring=False)
Task.set_random_seed(77)
task.execute_remotely("default")
print("ran with", gauge.UNIT)
"""
FAILS = PROGRAM + "raise SystemExit(3)\n"


def test_a_run_says_what_it_was_made_of(laptop: Laptop, box: Box, world: World) -> None:
    project = laptop.repository("project", {"train.py": PROGRAM})
    task = laptop.send(project.folder, "train.py", COLOUR="green")
    ended = box.end(task)
    assert ended.status == "completed", ended.output
    found = manifest(task)
    record = box.store.read(task.id)
    assert found["task"] == task.id
    assert found["agent"] == "box"
    assert found["queue"] == "default"
    assert found["code"]["tree"] == record.source.tree
    assert found["code"]["commit"] == project.git("rev-parse", "HEAD").strip()
    assert found["code"]["program"] == "train.py"
    assert found["python"] == platform.python_version()
    assert found["packages"]["gauge"]["version"] == "2.5"
    assert len(found["packages"]["gauge"]["digest"]) == 64
    assert "homegrown" not in found["packages"], "it is on the laptop alone"
    assert found["image"] is None
    assert found["seed"] == record.seed
    assert {"PATH", "PYTHONHASHSEED", "ELSEWHERE_TASK_ID"} <= set(found["variables"])
    assert found["machine"]["hostname"] == platform.node()
    assert box.environ["ELSEWHERE_REDIS_URL"] not in json.dumps(found)


def test_two_runs_of_one_task_differ_in_nothing_but_the_task(laptop: Laptop, box: Box) -> None:
    project = laptop.repository("project", {"train.py": FAILS})
    task = laptop.send(project.folder, "train.py")
    assert box.end(task).status == "failed", "a failed run has a manifest as well"
    other = type(task).clone(task)
    assert not other.artifacts
    box.run(other)
    first, second = manifest(task), manifest(other)
    assert {name for name in first if first[name] != second[name]} == {"task"}


def manifest(task: Any) -> dict[str, Any]:
    found: dict[str, Any] = task.artifacts["run-manifest"].get()
    return found
