"""Samples that a program reports on a box are read on the laptop, and go with their task."""

from __future__ import annotations

from tests.e2e.world import Box, Laptop

TRAIN = """
from elsewhere import Task
task = Task.init("samples", "train", auto_resource_monitoring=False)
task.execute_remotely("default")
log = task.get_logger()
log.set_default_debug_sample_history(2)
for step in range(6):
    log.report_media("val", "page", step, stream=f"<b>{step}</b>", file_extension="html")
task.flush(wait_for_uploads=True)
print("seen inside", [one.iteration for one in task.get_debug_samples("val", "page")])
"""


def test_they_come_back_and_go_with_the_task(laptop: Laptop, box: Box) -> None:
    task = laptop.send(laptop.repository("project", {"train.py": TRAIN}).folder, "train.py")
    ended = box.end(task)
    assert ended.status == "completed", ended.output
    assert "seen inside [4, 5]" in ended.output
    found = task.get_debug_samples("val", "page")
    assert [one.get_local_copy().read_text() for one in found] == ["<b>4</b>", "<b>5</b>"]
    files = [path for path in (box.home / "storage").rglob("*.html") if path.is_file()]
    assert len(files) == 2, "what fell out of the history is left nowhere on the box"
    copies = [one for one in found if one.get_local_copy() in files]
    assert len(copies) == 2, "the box has this machine's disk"
    assert task.delete()
    assert not any(path.exists() for path in files)
