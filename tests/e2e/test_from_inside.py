"""What a program on the box sees of its own task, and of others."""

from __future__ import annotations

from elsewhere import Task
from tests.e2e.world import Box, Laptop
from tests.waiting import wait_until

_GO = """
from elsewhere import Task
task = Task.init("inside", "asked for", tags=["from", "laptop"])
task.execute_remotely("default")
"""


def _sent(laptop: Laptop, code: str) -> Task:
    project = laptop.repository("project", {"train.py": _GO + code})
    return laptop.send(project.folder, "train.py")


def test_it_sees_its_own_status_and_name(laptop: Laptop, box: Box) -> None:
    code = """
print("status", task.get_status(), task.status)
print("same", Task.current_task() is task, Task.get_task(task_id=task.id) is task)
print("name", task.name, "|", task.project, "|", task.get_tags())
task.set_progress(40)
print("progress", task.get_progress())
task.set_progress(400)
print("progress still", task.get_progress())
task.reload()
task.mark_failed(status_message="far enough")
"""
    ended = box.end(_sent(laptop, code))
    assert ended.status == "failed", ended
    assert "status in_progress in_progress" in ended.output
    assert "same True True" in ended.output
    assert "name asked for | inside | ['from', 'laptop']" in ended.output
    assert "progress 40.0" in ended.output
    assert "progress still 40.0" in ended.output
    assert ended.state.progress == 40.0


def test_init_gives_the_box_s_task_whatever_it_is_asked_for(laptop: Laptop, box: Box) -> None:
    """The task may have been renamed since: its own names count there, and a second call is the
    same task."""
    code = """
again = Task.init("another project", "another name")
print("again", again is task, again.name, again.project)
"""
    first = _sent(laptop, "")
    box.end(first)
    project = laptop.repository("other", {"train.py": _GO + code})
    task = laptop.send(project.folder, "train.py")
    box.end(task)
    clone = Task.clone(task, name="renamed", project="moved")
    ended = box.run(clone)
    assert "again True renamed moved" in ended.output, ended
    assert len(box.store.attempts(clone.id)) == 1


def test_tags_added_inside_stay(laptop: Laptop, box: Box) -> None:
    task = _sent(laptop, 'task.add_tags("good fast")\ntask.add_tags(["two words"])\n')
    ended = box.end(task)
    assert ended.status == "completed", ended
    assert sorted(task.get_tags()) == ["fast", "from", "good", "laptop", "two words"]


def test_parameters_set_inside_stay_with_their_types(laptop: Laptop, box: Box) -> None:
    code = """
task.set_parameter("General/best", 0.5)
task.set_parameter("Found/size", 3, description="of the hidden layer")
config = task.connect({"a": 1})
config["b"] = [1, "two"]
print(task.get_parameters())
"""
    task = _sent(laptop, code)
    ended = box.end(task)
    assert ended.status == "completed", ended
    expected = {"General/a": 1, "General/b": [1, "two"], "General/best": 0.5, "Found/size": 3}
    assert task.get_parameters() == expected
    assert task.get_parameter("size", default="none in General") == "none in General"


def test_text_is_kept_beside_the_output(laptop: Laptop, box: Box) -> None:
    task = _sent(laptop, 'task.get_logger().report_text("half time: all is well")\n')
    ended = box.end(task)
    assert ended.status == "completed", ended
    assert ended.output.count("half time: all is well") == 1
    assert "half time: all is well" in "".join(task.get_reported_console_output(5))


def test_a_program_uses_other_tasks(laptop: Laptop, box: Box) -> None:
    """It reads one, and sends another one off."""
    other = _sent(laptop, 'task.upload_artifact("answer", {"is": 42})\n')
    assert box.end(other).status == "completed"
    code = f"""
other = Task.get_task(task_id={other.id!r})
print("read", other.get_status(), other.artifacts["answer"].get())
clone = Task.clone(other, name="sent from inside")
Task.enqueue(clone, "default")
print("waited", clone.wait_for_status(within_s=60))
print("clone", clone.id)
"""
    project = laptop.repository("using", {"use.py": _GO + code})
    ended = box.end(laptop.send(project.folder, "use.py"))
    assert ended.status == "completed", ended
    assert "read completed {'is': 42}" in ended.output
    assert "waited completed" in ended.output


def test_the_program_s_environment_is_not_the_agent_s(laptop: Laptop, box: Box) -> None:
    code = """
import os, sys
print("home", os.environ["ELSEWHERE_HOME"], "task", os.environ["ELSEWHERE_TASK_ID"] == task.id)
print("url", "ELSEWHERE_REDIS_URL" in os.environ)
print("stdin", repr(sys.stdin.read()))
import elsewhere_agent
"""
    ended = box.end(_sent(laptop, code))
    assert f"home {box.home} task True" in ended.output
    assert "url False" in ended.output
    assert "stdin ''" in ended.output
    assert "No module named 'elsewhere_agent'" in ended.output


def test_all_its_processes_report(laptop: Laptop, box: Box) -> None:
    """Forked ones, spawned ones, and scripts of their own that call `Task.init`."""
    code = """
import multiprocessing, os, subprocess, sys

def work(name):
    Task.current_task().get_logger().report_scalar("from", name, 1, 0)
    print("said by", name)

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    child = context.Process(target=work, args=("forked",))
    child.start()
    child.join()
    script = "from elsewhere import Task; task = Task.init('any', 'name'); print(task.id); "
    script += "task.get_logger().report_scalar('from', 'script', 1, 0)"
    subprocess.run([sys.executable, "-c", script], check=True)
    work("main")
"""
    task = _sent(laptop, code)
    ended = box.end(task)
    assert ended.status == "completed", ended
    assert sorted(task.get_reported_scalars()["from"]) == ["forked", "main", "script"]
    for line in ("said by forked", "said by main", task.id):
        assert ended.output.count(line) == 1


def test_it_is_heard_while_it_runs(laptop: Laptop, box: Box) -> None:
    flag = laptop.folder / "flag"
    code = f"""
import pathlib, time
print("half a line", end="", flush=True)
print(" and the rest")
task.set_progress(30)
task.get_logger().report_scalar("loss", "train", 0.5, 1)
task.upload_artifact("early", [1])
while not pathlib.Path({str(flag)!r}).exists():
    time.sleep(0.01)
"""
    task = _sent(laptop, code)

    def is_heard() -> bool:
        assert "half a line and the rest\n" in box.output(task)
        assert task.get_progress() == 30
        scalars, artifacts = task.get_reported_scalars(), task.artifacts
        assert "loss" in scalars
        assert scalars["loss"]["train"]["y"] == [0.5]
        assert "early" in artifacts
        assert artifacts["early"].get() == [1]
        return task.get_status() == "in_progress"

    try:
        wait_until(is_heard, within_s=30)
    finally:
        flag.touch()
    assert box.end(task).status == "completed"


def test_it_reads_what_it_has_just_said(laptop: Laptop, box: Box) -> None:
    code = """
for step in range(3):
    task.get_logger().report_scalar("loss", "train", 1 / (step + 1), step)
print("curve", task.get_reported_scalars()["loss"]["train"]["x"])
print("kept", task.upload_artifact("result", {"best": 3}, wait_on_upload=True))
print("artifact", task.artifacts["result"].get())
"""
    ended = box.end(_sent(laptop, code))
    assert ended.status == "completed", ended
    assert "curve [0, 1, 2]" in ended.output
    assert "kept True" in ended.output
    assert "artifact {'best': 3}" in ended.output
