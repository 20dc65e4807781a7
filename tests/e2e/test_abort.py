"""A stop that a program was asked for on the box: what it saves before its end is kept."""

from __future__ import annotations

import pytest

from elsewhere import Task
from elsewhere.core.choices import Reason
from elsewhere.core.folders import Home
from tests.e2e.world import Box, Laptop
from tests.waiting import wait_until

_SCRIPT = """
import time
from elsewhere import Task
task = Task.init("abort", "long")
task.execute_remotely("default")

def save():
    task.upload_artifact("state", {"step": 3})
    task.get_logger().report_scalar("loss", "train", 0.5, 7)
    print("all is kept", flush=True)
    %s

task.register_abort_callback(save)
print("it has begun", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("then", "status"),
    [("pass", "stopped"), ("raise ValueError", "stopped"), ("task.mark_completed()", "completed")],
)
def test_what_a_program_saves_when_it_is_to_stop_is_kept(
    laptop: Laptop, box: Box, then: str, status: str
) -> None:
    project = laptop.repository("project", {"train.py": _SCRIPT % then})
    task = laptop.send(project.folder, "train.py")
    wait_until(lambda: "it has begun" in box.output(task), within_s=60, what="it runs")
    attempt = box.store.state(task.id).attempt
    task.stop_request(status_message="enough")
    ended = box.end(task)
    assert (ended.status, ended.outcome.reason) == (status, Reason.STOPPED), ended
    assert "all is kept" in ended.output
    assert Task.get_reported_scalars(task)["loss"]["train"]["x"] == [7]
    assert task.artifacts["state"].get() == {"step": 3}
    log = Home(box.home).run(task.id, attempt).runner_log.read_text()
    assert log.index("for its abort callback") < log.index("SIGTERM")
    assert "SIGKILL" not in log
