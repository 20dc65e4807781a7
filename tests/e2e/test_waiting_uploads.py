"""An artifact whose place the box cannot write to: it waits there, and everybody is told."""

from __future__ import annotations

from pathlib import Path

from elsewhere.storage import local_path
from tests.e2e.world import Box, Laptop, agent
from tests.waiting import wait_until


def test_an_artifact_waits_until_its_place_can_be_reached(
    laptop: Laptop, box: Box, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    code = f"""
from pathlib import Path
from elsewhere import Task
task = Task.init("uploads", "one that waits", output_uri={str(place)!r})
task.execute_remotely("default")
Path({str(place)!r}).rmdir()
Path({str(place)!r}).touch()
task.upload_artifact("data", {{"a": 1}})
"""
    task = laptop.send(laptop.repository("project", {"train.py": code}).folder, "train.py")
    ended = box.end(task)
    assert ended.status == "completed", ended
    assert "[elsewhere] The artifact 'data': It could not be uploaded yet" in ended.output
    assert "is kept in" in box.store.artifacts(task.id)["data"].preview

    def is_named() -> bool:
        status = agent("status", "--json", environ=box.environ)
        assert "The artifact 'data' waits to be uploaded" in status.output.decode()
        return True

    wait_until(is_named, within_s=30, what="the status names the artifact")
    assert agent("stop", environ=box.environ).code == 0
    place.unlink()
    box.start()
    wait_until(lambda: box.store.artifacts(task.id)["data"].url, within_s=30)
    assert local_path(box.store.artifacts(task.id)["data"].url).is_relative_to(place)
