"""What lies on the box alone is read on the laptop through the box's agent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.e2e.world import Box, Laptop, Printed
from tests.small_disk import needs_small_disk, on_small_disk
from tests.waiting import wait_until

TRAIN = """
from pathlib import Path
from elsewhere import OutputModel, Task
task = Task.init("far", "train", auto_resource_monitoring=False)
task.execute_remotely("default")
Path("ckpt").mkdir()
Path("ckpt/last.pt").write_bytes(bytes(range(256)) * 20_000)
task.upload_artifact("numbers", {"a": 1}, wait_on_upload=True)
task.upload_artifact("folder", Path("ckpt"), wait_on_upload=True)
OutputModel(task, name="net").update_weights("ckpt/last.pt", auto_delete_file=False)
task.flush(wait_for_uploads=True)
print("made", flush=True)
import time
while not Path("go").exists():
    time.sleep(0.02)
"""
READ = """
import json, sys
from elsewhere import StorageManager, Task
task = Task.get_task(sys.argv[1])
copies = [
    task.artifacts["folder"].get_local_copy() / "last.pt",
    task.models["output"][0].get_local_copy(),
    task.models["output"][0].get_weights(),
    StorageManager.get_local_copy(task.models["output"][0].url),
]
sizes = [len(open(copy, "rb").read()) for copy in copies]
sizes.append(StorageManager.get_metadata(task.artifacts["numbers"].url)["size"])
print(json.dumps([task.artifacts["numbers"].get(), sizes]))
"""


@needs_small_disk
def test_the_box_is_read_from_a_laptop_that_does_not_see_its_disk(
    laptop: Laptop, box: Box, tmp_path: Path
) -> None:
    """An empty disk stands where the box has its home, for the laptop's processes alone."""
    task = laptop.send(laptop.repository("project", {"train.py": TRAIN}).folder, "train.py")
    wait_until(lambda: "made" in box.output(task), within_s=60, what="it has made all")
    wait_until(lambda: box.store.model(task.models["output"][0].id).url, what="it is uploaded")

    def far(*words: str) -> Printed:
        ended = subprocess.run(
            [*on_small_disk(box.home, "10m"), sys.executable, *words],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "ELSEWHERE_HOME": str(tmp_path / "home"),
                "ELSEWHERE_REDIS_URL": box.environ["ELSEWHERE_REDIS_URL"],
            },
            capture_output=True,
            check=False,
            timeout=60,
        )
        return Printed(ended.returncode, ended.stdout, ended.stderr.decode(errors="replace"))

    content = bytes(range(256)) * 20_000
    _check_fetch(far, task.id, tmp_path / "during", content)  # while it runs
    attempt = box.store.state(task.id).attempt
    (box.home / "runs" / f"{task.id}.{attempt}" / "code" / "go").touch()
    assert box.end(task).status == "completed"
    _check_fetch(far, task.id, tmp_path / "after", content)
    printed = far("-c", READ, task.id)
    assert printed.code == 0, printed
    value, sizes = json.loads(printed.output)
    assert value == {"a": 1}
    assert sizes == [len(content)] * 4 + [box.store.artifacts(task.id)["numbers"].size_bytes]


def _check_fetch(far: Callable[..., Printed], task_id: str, to: Path, content: bytes) -> None:
    command = "import sys; from elsewhere_start import elsewhere; sys.exit(elsewhere())"
    printed = far("-c", command, "fetch", task_id, "*.pt", "numbers", "--to", str(to))
    assert printed.code == 0, printed
    assert (to / "files" / "ckpt" / "last.pt").read_bytes() == content
    assert (to / "models" / "net" / "last.pt").read_bytes() == content
    assert json.loads((to / "artifacts" / "numbers" / "numbers.json").read_bytes()) == {"a": 1}
