"""`elsewhere run` and `rerun`: programs that know nothing of us, as they are typed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.world import Box, Laptop, Printed, World
from tests.stores import find
from tests.waiting import wait_until

COMMAND = "import sys; from elsewhere_start import elsewhere; sys.exit(elsewhere())"
TRAIN = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1.0)
print("lr", parser.parse_args().lr, "here", os.environ.get("PLACE"))
import gauge
print("in", gauge.UNIT)
"""


def run(laptop: Laptop, folder: Path, *words: str, **environ: str) -> Printed:
    path = f"{laptop.bin}{os.pathsep}{os.environ['PATH']}"
    return laptop.run(folder, "-c", COMMAND, *words, PATH=path, **environ)


def test_a_program_runs_elsewhere_as_it_is_here(laptop: Laptop, box: Box) -> None:
    project = laptop.repository("project", {"train.py": "raise SystemExit('committed')"})
    project.write({"train.py": TRAIN})
    options = ("--watch", "--env", "PLACE=far", "--name", "as typed", "--tag", "tried")
    ended = run(laptop, project.folder, "run", *options, "python", "train.py", "--lr", "0.5")
    assert ended.code == 0, (ended.output.decode(), ended.errors)
    assert b"lr 0.5 here far\nin furlong\n" in ended.output
    (task_id,) = find(box.store, task_name="as typed")
    record = box.store.read(task_id)
    assert (record.project, record.tags, record.seed) == ("project", ("tried",), 1337)


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (("--", "./go.sh", "a b"), "shell a b\nlr 2.0"),
        (("bash", "go.sh", "c"), "shell c\nlr 2.0"),
        (("python", "-u", "-m", "inner.train", "--lr", "3"), "lr 3.0"),
        (("--dir", "inner", "train.py", "--lr", "4"), "lr 4.0"),
        (("--script", "inner/train.py", "--args", "--lr 6"), "lr 6.0"),
        (("python", "-m", "torch.distributed.run", "--standalone", "inner/train.py"), "lr 1.0"),
    ],
)
def test_a_program_is_started_as_it_was_typed(
    words: tuple[str, ...], printed: str, laptop: Laptop, box: Box
) -> None:
    shell = 'echo "shell $1"\npython inner/train.py --lr 2\n'
    project = laptop.repository("project", {"go.sh": shell, "inner/train.py": TRAIN})
    ended = run(laptop, project.folder, "run", "--watch", *words)
    assert ended.code == 0, (ended.output.decode(), ended.errors)
    assert printed in ended.output.decode()
    assert "in furlong" in ended.output.decode()


def test_the_packages_are_those_of_the_python_that_was_typed(
    laptop: Laptop, box: Box, world: World
) -> None:
    project = laptop.repository("project", {"train.py": TRAIN})
    environ = {**os.environ, "ELSEWHERE_REDIS_URL": world.url, "HOME": str(laptop.folder)}
    environ["PATH"] = f"{laptop.bin}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND, "run", "--watch", "python", "train.py"],
        cwd=project.folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended
    assert "in furlong" in ended.stdout


def test_a_failed_program_ends_the_watching_with_4_and_runs_again_with_other_words(
    laptop: Laptop, box: Box
) -> None:
    code = "import sys\nprint('given', sys.argv[1:])\nsys.exit('--good' not in sys.argv)\n"
    project = laptop.repository("project", {"check.py": code})
    failed = run(laptop, project.folder, "run", "--watch", "check.py", "--bad")
    assert failed.code == 4, failed
    assert b"given ['--bad']" in failed.output
    sent = run(laptop, project.folder, "run", "check.py", "--bad")
    task_id = sent.output.decode().strip()
    wait_until(lambda: box.store.state(task_id).status.is_final, what="it ends")
    again = run(laptop, project.folder, "rerun", task_id[:8], "--args", "--good", "--watch")
    assert again.code == 0, again
    assert b"given ['--good']" in again.output


def test_ctrl_c_leaves_the_watched_task_as_it_is(laptop: Laptop, box: Box, world: World) -> None:
    go = laptop.folder / "go"
    code = "import time, pathlib\nprint('begun', flush=True)\n"
    code += f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.05)\n"
    project = laptop.repository("project", {"train.py": code})
    environ = {**os.environ, "ELSEWHERE_REDIS_URL": world.url, "HOME": str(laptop.folder)}
    words = ["run", "--watch", "--name", "left alone", "train.py"]
    watching = subprocess.Popen(
        [laptop.bin / "python", "-c", COMMAND, *words],
        cwd=project.folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with watching:
        assert watching.stdout is not None
        while b"begun" not in watching.stdout.readline():
            assert watching.poll() is None
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=30)
    assert watching.returncode == 130
    (said,) = [line for line in errors.decode().splitlines() if "goes on" in line]
    task_id = said.partition("Task ")[2][:8]
    assert f"'elsewhere logs -f {task_id}' follows it, 'elsewhere abort {task_id}' stops it" in said
    assert "Traceback" not in errors.decode()
    go.touch()
    followed = run(laptop, project.folder, "logs", "-f", task_id)
    assert followed.code == 0, followed
