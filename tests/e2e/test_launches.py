"""Launches: torchrun and its kind start several ranks, here and on the box alike."""

from __future__ import annotations

from typing import Final

from elsewhere import Task
from tests.e2e.world import Box, Laptop

TRAIN: Final = """
import argparse, os
from elsewhere import Task
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1.0)
given = parser.parse_args()
task = Task.init("launches", "ranks")
task.execute_remotely("default")
rank = os.environ.get("RANK", "alone")
task.get_logger().report_scalar("lr", f"rank {rank}", given.lr, 1)
line = f"rank {rank} of {os.environ.get('WORLD_SIZE')} lr {given.lr}"
print(line + "\\n", end="", flush=True)  # in one piece: all ranks write into one pipe
"""
RUN: Final = ("-m", "torch.distributed.run")


def test_the_launch_is_made_again_on_the_box(laptop: Laptop, box: Box) -> None:
    project = laptop.repository("project", {"train.py": TRAIN})
    task = laptop.send(project.folder, *RUN, "--nproc-per-node", "2", "train.py", "--lr", "0.5")
    ended = box.end(task)
    assert ended.status == "completed", ended.output
    lines = sorted(line for line in ended.output.splitlines() if line.startswith("rank"))
    assert lines == ["rank 0 of 2 lr 0.5", "rank 1 of 2 lr 0.5"]
    assert {one.series for one in box.store.series(task.id) if one.title == "lr"} == {
        "rank 0",
        "rank 1",
    }
    script = task.get_script()
    assert script["entry_point"] == "-m torch.distributed.run --nproc-per-node 2 train.py"
    assert script["argv"] == "--lr 0.5"
    assert box.store.read(task.id).environment.packages == ("torch==2.9",)


def test_an_edit_reaches_the_parser_of_each_rank_and_other_words_are_the_script_s(
    laptop: Laptop, box: Box
) -> None:
    project = laptop.repository("project", {"train.py": TRAIN})
    task = laptop.send(project.folder, *RUN, "--nproc-per-node", "2", "train.py", "--lr", "0.5")
    box.end(task)
    edited = Task.clone(task)
    edited.set_parameter("Args/lr", 3.0)
    ended = box.run(edited)
    assert ended.output.count("of 2 lr 3.0") == 2, ended
    other = Task.clone(task)
    other.set_script(argv="--lr 7")
    ended = box.run(other)
    assert ended.output.count("of 2 lr 7.0") == 2, ended


def test_a_launcher_with_a_single_process_is_launched_again(laptop: Laptop, box: Box) -> None:
    project = laptop.repository(
        "project", {"jobs/train.py": TRAIN, "jobs/settings.yaml": "cpu: true\n"}
    )
    words = ("-m", "accelerate.commands.launch", "--config_file", "settings.yaml", "--cpu")
    task = laptop.send(project.folder / "jobs", *words, "train.py", "--lr", "2")
    ended = box.end(task)
    assert ended.status == "completed", ended.output
    assert "rank alone of None lr 2.0" in ended.output
    record = box.store.read(task.id)
    assert record.source.launcher == words[1:]
    assert record.environment.packages == ("accelerate==1.9",)


def test_modules_and_shell_scripts_are_launched_again(laptop: Laptop, box: Box) -> None:
    files = {
        "package/__init__.py": "",
        "package/train.py": TRAIN,
        "train.sh": "#!/bin/sh\npython -m package.train $1 $2\n",
    }
    project = laptop.repository("project", files)
    (project.folder / "train.sh").chmod(0o755)
    task = laptop.send(project.folder, *RUN, "--standalone", "-m", "package.train", "--lr", "4")
    ended = box.end(task)
    assert "rank 0 of 1 lr 4.0" in ended.output, ended
    assert box.store.read(task.id).source.module == "package.train"
    path = f"{laptop.bin}:/usr/bin:/bin"
    words = ("--nproc-per-node", "2", "--no-python", "./train.sh", "--lr", "9")
    task = laptop.send(project.folder, *RUN, *words, PATH=path)
    ended = box.end(task)
    assert ended.status == "completed", ended.output
    assert "rank 1 of 2 lr 9.0" in ended.output
    assert box.store.read(task.id).source.entry_point == "./train.sh"


def test_a_launch_is_described_by_hand(laptop: Laptop, box: Box) -> None:
    plain = "import os, sys\nsys.stdout.write(f'plain {os.environ[\"RANK\"]} {sys.argv[1:]}\\n')\n"
    project = laptop.repository("project", {"train.py": plain})
    make = (
        "from elsewhere import Task\n"
        "draft = Task.create('launches', 'by hand', packages=['torch'], argv=['--count', '1'],\n"
        "    module='torch.distributed.run --nproc-per-node 2 train.py --lr 3', repo='.')\n"
        "Task.enqueue(draft)\nprint(draft.id)\n"
    )
    printed = laptop.run(project.folder, "-c", make)
    assert printed.code == 0, printed
    task = Task(printed.output.decode().strip(), box.store)
    ended = box.end(task)
    assert ended.status == "completed", ended.output
    for rank in range(2):
        assert f"plain {rank} ['--lr', '3', '--count', '1']" in ended.output
