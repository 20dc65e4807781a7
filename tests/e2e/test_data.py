"""Data that a task names travels with it: what git ignores, what is too large for git, once for
each content."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from elsewhere.core.errors import NotFoundError
from elsewhere.task.task import Task
from tests.e2e.world import Box, Laptop, Repository, World
from tests.object_store import serving_s3
from tests.redis_server import RedisServer

_PROGRAM: Final = """
import pathlib
from elsewhere import Task
task = Task.init("inputs", "train", data=["corpus.bin", "images/"], auto_resource_monitoring=False)
task.execute_remotely("default")
data = pathlib.Path("corpus.bin").read_bytes()
print("corpus", len(data), data[:3].decode())
print("images", sorted(str(one) for one in pathlib.Path("images").rglob("*") if one.is_file()))
pathlib.Path("images/index.json").write_text("made here")
"""


def project_of(laptop: Laptop, name: str, program: str = _PROGRAM) -> Repository:
    """One with data: a file that git ignores, and a folder that it neither tracks nor ignores."""
    project = laptop.repository(name, {"train.py": program, ".gitignore": "*.bin\n"})
    project.write({"corpus.bin": b"abc" + bytes(100_000)})
    project.write({"images/a/one.png": b"1", "images/b/two.png": b"22", "images/empty": b""})
    return project


def test_data_is_there_and_comes_to_a_machine_once(laptop: Laptop, box: Box) -> None:
    project = project_of(laptop, "project")
    first = box.end(laptop.send(project.folder, "train.py"))
    assert first.status == "completed", first.output
    assert "corpus 100003 abc" in first.output
    assert "images ['images/a/one.png', 'images/b/two.png', 'images/empty']" in first.output
    assert "index.json  9 B" in first.output, "what the program writes there is its own"
    assert not (project.folder / "images/index.json").exists()
    again = box.end(laptop.send(project.folder, "train.py"))
    assert "The data corpus.bin, 97.7 KiB, is on this machine already." in again.output
    assert "images ['images/a/one.png', 'images/b/two.png', 'images/empty']" in again.output
    project.write({"images/a/one.png": b"another"})
    edited = box.end(laptop.send(project.folder, "train.py"))
    assert "The data corpus.bin, 97.7 KiB, is on this machine already." in edited.output
    assert "The data images" not in edited.output


def test_data_that_a_program_has_written_into_is_made_anew(laptop: Laptop, box: Box) -> None:
    program = _PROGRAM + (
        'import os\nos.chmod("corpus.bin", 0o600)\n'
        'with open("corpus.bin", "r+b") as file:\n    file.write(b"xyz")\n'
    )
    project = project_of(laptop, "writing", program)
    for _ in range(2):
        ended = box.end(laptop.send(project.folder, "train.py"))
        assert ended.status == "completed", ended.output
        assert "corpus 100003 abc" in ended.output


def test_data_that_cannot_travel_is_named_before_the_task_is_queued(laptop: Laptop) -> None:
    def refused(name: str, data: str, **environ: str) -> str:
        project = project_of(laptop, name, _PROGRAM.replace('["corpus.bin", "images/"]', data))
        (project.folder / ".gitignore").write_text("*.bin\nimages\n")
        (project.folder / "images/link").symlink_to(laptop.folder)
        printed = laptop.run(project.folder, "train.py", **environ)
        assert printed.code == 1, printed
        assert "waits in queue" not in printed.errors
        return printed.errors.strip().splitlines()[-1]

    away = refused("a", "'away.bin'")
    assert "The data 'away.bin' cannot travel: [Errno 2] No such file or directory" in away
    assert "since git tracks it in" in refused("b", "'train.py'")
    assert "images/link is a link to a folder." in refused("c", "['images']")
    large = refused("d", "'corpus.bin'", ELSEWHERE_CAPTURE_LIMIT_BYTES="50000")
    assert "its 97.7 KiB are more than the 48.8 KiB that may." in large
    assert "Give the task an output_uri that other machines read" in large
    assert "stays below it" in refused("e", "'../corpus.bin'")


def test_data_is_sent_once_by_a_script_as_its_code_is(laptop: Laptop, box: Box) -> None:
    program = _PROGRAM.replace(
        "task.execute",
        "if task.running_locally():\n"
        "    Task.clone(task)\n"
        '    pathlib.Path("corpus.bin").unlink()\n'
        "task.execute",
    )
    project = project_of(laptop, "twice", program)
    ended = box.end(laptop.send(project.folder, "train.py"))
    assert ended.status == "completed", ended.output
    assert "corpus 100003 abc" in ended.output


def test_a_draft_by_hand_brings_its_data(laptop: Laptop, box: Box) -> None:
    program = "import pathlib\nprint('corpus', pathlib.Path('corpus.bin').read_bytes()[:3])\n"
    project = project_of(laptop, "by_hand", program)
    code = (
        "from elsewhere import Task\n"
        "print(Task.create('made', script='train.py', packages=[],"
        " data=['corpus.bin', 'images']).id)\n"
    )
    printed = laptop.run(project.folder, "-c", code, ELSEWHERE_LOCAL_REMOTES_ARE_SHARED="yes")
    assert printed.code == 0, printed
    task = Task(printed.output.decode().strip(), box.store)
    ended = box.run(task)
    assert ended.status == "completed", ended.output
    assert "corpus b'abc'" in ended.output
    record = box.store.read(task.id)
    assert [(one.path, one.is_folder) for one in record.environment.data] == [
        ("corpus.bin", False),
        ("images", True),
    ]


def test_a_task_whose_data_never_left_its_machine_is_not_enqueued(laptop: Laptop, box: Box) -> None:
    program = _PROGRAM.replace('task.execute_remotely("default")\n', "")
    project = project_of(laptop, "local", program)
    printed = laptop.run(project.folder, "train.py")
    assert printed.code == 0, printed
    clone = Task.clone(laptop.task(printed))
    with pytest.raises(NotFoundError, match=r"its data corpus\.bin, images never left the"):
        Task.enqueue(clone, "default")


def test_large_data_goes_by_way_of_storage(world: World, laptop: Laptop, tmp_path: Path) -> None:
    folder = world.wheels.parent / "d"
    (folder / "redis").mkdir(parents=True)
    with serving_s3() as s3, RedisServer(folder / "redis") as server:
        box = Box(folder / "box", server.url, world.wheels, environ=s3.environment)
        box.start()
        try:
            sender = Laptop(world.python, tmp_path, box.store, server.url)
            project = project_of(sender, "large")
            told = {
                **s3.environment,
                "ELSEWHERE_CAPTURE_LIMIT_BYTES": "50000",
                "ELSEWHERE_OUTPUT_URI": "s3://bucket/place",
            }
            task = sender.send(project.folder, "train.py", **told)
            ended = box.end(task)
            assert ended.status == "completed", ended.output
            assert "corpus 100003 abc" in ended.output
            assert "comes from s3://bucket/place/data/" in ended.output
            kept = s3.system.ls("bucket/place/data")
            assert len(kept) == 2
            s3.asked.clear()
            sender.send(project.folder, "train.py", **told)
            puts = [one for one in s3.asked if one.startswith("PUT") and "/data/" in one]
            assert puts == [], "what is there is not sent again"
        finally:
            box.stop()
