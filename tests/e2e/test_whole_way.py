"""The main job: a script goes elsewhere as it is, and everything that it says comes back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

import pytest

from elsewhere import Task
from tests.e2e.world import Box, Laptop, Repository

_TRAIN: Final = """
import argparse, hashlib, json, pathlib, sys
import gauge
from elsewhere import Task
from settings import FACTOR

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--fast", action="store_true")
parser.add_argument("--label", default="plain")

def evaluate(split, limit=10, ratio=0.5):
    print("evaluate", repr(split), repr(limit), repr(ratio))
    Task.current_task().get_logger().report_scalar("score", split, limit * ratio, 1)

if __name__ == "__main__":
    task = Task.init("whole way", "train")
    options = task.connect({"depth": 2, "name": "small", "ratio": 0.5, "on": True, "sizes": [1, 2]})
    given = parser.parse_args()
    draft = task.create_function_task(evaluate, split="test", limit=4)
    if draft is not None:
        print("function task", draft.id)
    task.execute_remotely("default")
    import helper  # untracked
    print("given", repr(given.lr), repr(given.epochs), repr(given.fast), repr(given.label))
    print("options", json.dumps(options, sort_keys=True))
    print("settings", FACTOR, "helper", helper.ANSWER, "gauge", gauge.UNIT)
    data = pathlib.Path("data/points.bin").read_bytes()
    print("data", hashlib.sha256(data).hexdigest())
    print("to stderr", file=sys.stderr)
    for epoch in range(given.epochs):
        task.set_progress(100 * (epoch + 1) / given.epochs)
        task.get_logger().report_scalar("loss", "train", given.lr * FACTOR / (epoch + 1), epoch)
    task.upload_artifact("model", pathlib.Path("data/points.bin"))
    task.upload_artifact("summary", {"lr": given.lr, "data": len(data)})
    task.upload_artifact("folder", pathlib.Path("data"))
"""

_OLD_DATA: Final = bytes(range(256)) * 8
_NEW_DATA: Final = bytes(reversed(range(256))) * 32


@pytest.fixture
def project(laptop: Laptop) -> Repository:
    """As people leave it: pushed, unpushed, edited, untracked and binary changes at once."""
    project = laptop.repository(
        "project",
        {"train.py": "", "settings.py": "FACTOR = 1\n", "data/points.bin": _OLD_DATA},
        remote=laptop.remote("origin"),
    )
    project.commit({"train.py": _TRAIN})
    project.write(
        {
            "settings.py": "FACTOR = 7\n",
            "helper.py": "ANSWER = 42\n",
            "data/points.bin": _NEW_DATA,
        }
    )
    return project


def test_a_script_runs_elsewhere_as_it_is_here(
    laptop: Laptop, box: Box, project: Repository
) -> None:
    before = project.git("status", "--porcelain")
    task = laptop.send(project.folder, "train.py", "--lr", "0.25", "--label", "a b")
    ended = box.end(task)

    assert ended.status == "completed", ended
    assert ended.state.attempt == 2  # the laptop's own, and the box's
    assert ended.state.worker == "box"
    assert ended.state.progress == 100.0
    assert "given 0.25 2 False 'a b'" in ended.output
    assert "settings 7 helper 42 gauge furlong" in ended.output
    assert f"data {hashlib.sha256(_NEW_DATA).hexdigest()}" in ended.output
    assert "to stderr" in ended.output
    assert project.git("status", "--porcelain") == before

    record = box.store.read(task.id)
    assert record.environment.packages == ("gauge==2.5",)
    assert record.source.bundle
    assert record.source.patch
    assert record.source.commit == project.git("rev-parse", "HEAD").strip()

    losses = task.get_reported_scalars()["loss"]["train"]
    assert losses["x"] == [0, 1]
    assert losses["y"] == pytest.approx([0.25 * 7, 0.25 * 7 / 2])
    assert any(item.title.startswith(":monitor:") for item in box.store.series(task.id))

    artifacts = task.artifacts
    assert artifacts["summary"].get() == {"lr": 0.25, "data": len(_NEW_DATA)}
    assert Path(str(artifacts["model"].get())).read_bytes() == _NEW_DATA
    folder = artifacts["folder"].get_local_copy()
    assert (folder / "points.bin").read_bytes() == _NEW_DATA

    phases = [item.phase for item in box.store.phases(task.id) if item.attempt == 2]
    times = {phase.name: phase.seconds for phase in phases}
    assert {"checkout", "patch", "verify", "python", "install", "link", "run"} <= times.keys()
    assert None not in times.values()


def test_parameters_of_a_clone_are_what_the_program_reads(
    laptop: Laptop, box: Box, project: Repository
) -> None:
    first = laptop.send(project.folder, "train.py", "--epochs", "1")
    assert box.end(first).status == "completed"
    parameters = first.get_parameters()
    assert parameters["Args/lr"] == pytest.approx(0.1)
    assert parameters["Args/epochs"] == 1
    assert parameters["Args/fast"] is False
    assert parameters["General/sizes"] == [1, 2]

    clone = Task.clone(first)
    assert clone.name == "Clone Of train"
    clone.set_parameter("Args/lr", 0.5)
    clone.set_parameter("Args/fast", True)
    clone.set_parameter("Args/epochs", "3")  # as text, as a web page gives it
    clone.set_parameter("General/depth", 5)
    clone.set_parameter("General/name", "7")
    clone.set_parameter("General/sizes", [3])
    ended = box.run(clone)

    assert ended.status == "completed", ended
    assert "given 0.5 3 True 'plain'" in ended.output
    options = {"depth": 5, "name": "7", "on": True, "ratio": 0.5, "sizes": [3]}
    assert f"options {json.dumps(options, sort_keys=True)}" in ended.output
    assert clone.get_reported_scalars()["loss"]["train"]["x"] == [0, 1, 2]
    assert first.get_parameter("Args/lr") == pytest.approx(0.1)
    assert first.get_reported_scalars()["loss"]["train"]["x"] == [0]
    assert clone.get_parameter("Args/epochs") == 3


def test_a_function_task_calls_the_function_with_arguments_changed_in_between(
    laptop: Laptop, box: Box, project: Repository
) -> None:
    printed = laptop.run(project.folder, "train.py", ELSEWHERE_LOCAL_REMOTES_ARE_SHARED="yes")
    assert printed.code == 0, printed
    draft = Task(printed.output.decode().split("function task ")[1].split()[0], box.store)
    box.end(laptop.task(printed))
    assert draft.get_status() == "created"
    assert draft.get_parameters()["Function/split"] == "test"

    draft.set_parameter("Function/limit", 6)
    draft.set_parameter("Function/split", "valid")
    ended = box.run(draft)

    assert ended.status == "completed", ended
    assert "evaluate 'valid' 6 0.5" in ended.output
    assert "given" not in ended.output  # the script goes no further
    assert draft.get_reported_scalars()["score"]["valid"]["y"] == [3.0]
