"""`agent explain` says what a run would do, as the run then does it, and does nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from elsewhere import Task
from tests.e2e.world import Box, Laptop, Repository, agent

_PROGRAM: Final = """
import argparse, sys
from elsewhere import Task
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
task = Task.init("explained", "train")
parser.parse_args()
task.execute_remotely(None)
print("it runs", sys.executable)
"""


def drafted(laptop: Laptop, project: Repository, *words: str) -> Task:
    shared = {"ELSEWHERE_LOCAL_REMOTES_ARE_SHARED": "yes"}
    return laptop.task(laptop.run(project.folder, "train.py", *words, **shared))


def explained(box: Box, task: Task) -> dict[str, Any]:
    printed = agent("explain", "--id", task.id, "--json", environ=box.environ)
    assert printed.code == 0, printed
    found: dict[str, Any] = json.loads(printed.output)
    return found


def test_it_is_what_the_run_then_does(laptop: Laptop, box: Box) -> None:
    project = laptop.repository("project", {"train.py": _PROGRAM})
    project.write({"new.txt": "not committed"})
    task = drafted(laptop, project, "--lr", "0.5")
    runs = sorted((box.home / "runs").glob("*"))
    found = explained(box, task)
    record = box.store.read(task.id)
    assert record.source.tree in found["code"][1]
    assert found["program"][0] == "RUN/venv/bin/python train.py --lr 0.5"
    assert "PYTHONHASHSEED" in found["variables"][0]
    assert sorted((box.home / "runs").glob("*")) == runs, "nothing is left"
    assert box.store.state(task.id).status == "created"
    ended = box.run(task)
    assert ended.status == "completed", ended
    digest = found["environment"][0].split(",")[0]
    assert f"Environment {digest} is" in ended.output
    again = explained(box, task)
    assert again["environment"][0].startswith(f"{digest}, by ")
    assert "It is there: " in again["environment"][0]
    assert "commands" not in again, "nothing is installed any more"
    table = agent("explain", "--id", task.id[:8], environ=box.environ)
    assert b"train.py --lr 0.5" in table.output


def test_a_task_that_cannot_run_here_is_refused_with_the_reason(laptop: Laptop, box: Box) -> None:
    project = laptop.repository("project", {"train.py": _PROGRAM})
    task = drafted(laptop, project)
    task.set_packages(["nothing-like-it==3.1"])
    found = explained(box, task)
    assert found["environment"][0].endswith("It would be built.")
    assert found["packages"] == ["nothing-like-it==3.1"]
    assert "pip install" in found["commands"][1]
    given = "ELSEWHERE_AGENT_PRE_PACKAGES", "ELSEWHERE_AGENT_POST_PACKAGES"
    with pytest.MonkeyPatch.context() as patch:  # the box is that of other tests, too
        for variable, package in zip(given, ("cython", "numpy"), strict=True):
            patch.setitem(box.environ, variable, package)
        more = explained(box, task)
    assert (more["packages before"], more["packages after"]) == (["cython"], ["numpy"])
    assert more["environment"] != found["environment"]
    task.set_resources(gpus=64)
    printed = agent("explain", "--id", task.id, "--json", environ=box.environ)
    assert printed.code == 1
    assert "Its need of GPUs is 64" in json.loads(printed.output)["machine"][0]
    before = box.store.read(task.id).environment
    box.store.edit(task.id, environment=replace(before, mounts={"data": "corpus"}))
    refused = agent("explain", "--id", task.id, environ=box.environ)
    assert refused.code == 1
    assert b"this agent has no data of that name" in refused.errors.encode()


@pytest.mark.parametrize("words", [(), ("--id", "zz"), ("--id", "0" * 32)])
def test_a_wrong_id_is_one_sentence(box: Box, words: tuple[str, ...]) -> None:
    refused = agent("explain", *words, environ=box.environ)
    assert refused.code in (1, 2)
    assert "Traceback" not in refused.errors
