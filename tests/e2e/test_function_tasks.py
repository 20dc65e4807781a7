"""Functions of a script that run elsewhere, side by side."""

from __future__ import annotations

from elsewhere import Task
from tests.e2e.world import Box, Laptop

#: each says that it is there and waits for another one
TOGETHER = """
import sys, time
from pathlib import Path
from elsewhere import Task

def meet(folder, name, others):
    Path(folder, name).touch()
    until = time.monotonic() + 60
    while not any(Path(folder, other).exists() for other in others):
        if time.monotonic() > until:
            raise SystemExit(f"{name} met nobody")
        time.sleep(0.02)
    print(name, "met another")

task = Task.init("functions", "together")
names = ["one", "two", "three"]
made = [
    task.create_function_task(
        meet, name, folder=sys.argv[1], name=name, others=[one for one in names if one != name]
    )
    for name in names
]
for each in made:
    Task.enqueue(each)
print(*(each.id for each in made))
"""


def test_three_functions_that_are_enqueued_at_once_run_side_by_side(
    laptop: Laptop, box: Box
) -> None:
    """The box has two slots: the first two must meet, the third finds their traces."""
    project = laptop.repository("project", {"train.py": TOGETHER})
    meeting = laptop.folder / "meeting"
    meeting.mkdir()
    printed = laptop.run(project.folder, "train.py", str(meeting))
    assert printed.code == 0, printed
    tasks = [Task(task_id, box.store) for task_id in printed.output.decode().split()]
    assert len(tasks) == 3
    for name, task in zip(["one", "two", "three"], tasks, strict=True):
        ended = box.end(task)
        assert ended.status == "completed", ended
        assert f"{name} met another" in ended.output
        assert task.name == f"together <{name}>"
    begun = sorted(
        (attempt.started_at, attempt.ended_at or 0.0)
        for task in tasks
        for attempt in box.store.attempts(task.id)
    )
    assert begun[1][0] < begun[0][1], "the second began before the first had ended"


def test_an_argument_is_changed_before_it_is_enqueued(laptop: Laptop, box: Box) -> None:
    code = """
from elsewhere import Task

def train(rate, layers, name="none"):
    print("train", repr(rate), repr(layers), repr(name))

task = Task.init("functions", "changed")
made = task.create_function_task(train, rate=0.1, layers=(1, 2))
made.set_parameter("Function/rate", "1")
made.set_parameter("Function/layers", "[3]")
Task.enqueue(made)
print(made.id)
"""
    project = laptop.repository("project", {"train.py": code})
    printed = laptop.run(project.folder, "train.py")
    ended = box.end(Task(printed.output.decode().strip(), box.store))
    assert "train 1.0 (3,) 'none'" in ended.output, ended
