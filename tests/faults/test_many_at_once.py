"""Many processes say something about one task at the same time, and are killed while they do."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from elsewhere.artifacts import uploader
from elsewhere.core.choices import Reason, Status
from elsewhere.delivery.sessions import deliver_dead
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import PATIENCE_S, Machine
from tests.stores import make_record
from tests.waiting import wait_until

PROCESSES: Final = 8
#: behind the task's own process; each says 200 scalars, 20 parameters and 5 artifacts
SAYING: Final = """
import multiprocessing, sys
from pathlib import Path
from elsewhere import Task

def say(number):
    task = Task.current_task()
    report = task.get_logger().report_scalar
    for step in range(200):
        report("loss", f"process {number}", float(step), step)
        report("all", "together", float(number), step)
        if step % 10 == 0:
            task.set_parameter(f"Process {number}/{step}", step)
        if step % 40 == 0:
            task.upload_artifact(f"{number} at {step}", {"number": number, "step": step})
            task.add_tags(f"tag-{number}-{step}")

if __name__ == "__main__":
    task = Task.init("Faults", "saying", auto_resource_monitoring=False)
    context = multiprocessing.get_context(sys.argv[1])
    processes = [context.Process(target=say, args=(number,)) for number in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert not any(process.exitcode for process in processes)
    Path("task").write_text(task.id)
"""
#: notes each scalar that it has flushed
FLUSHING: Final = """
import os, sys
from elsewhere import Task

task = Task.init("Faults", f"flushing {sys.argv[1]}", auto_resource_monitoring=False)
noted = os.open("flushed", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
report, number = task.get_logger().report_scalar, 0
while True:
    report("curve", "square", float(number**2), number)
    if number % 3 == 0:
        task.flush()
        os.write(noted, f"{task.id} {number}\\n".encode())
    number += 1
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_nothing_of_eight_processes_is_lost(
    machine: Machine, store: RedisStore, tmp_path: Path, method: str
) -> None:
    (tmp_path / "saying.py").write_text(SAYING)
    subprocess.run(
        [sys.executable, "saying.py", method],
        cwd=tmp_path,
        env=machine.environment,
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    task_id = (tmp_path / "task").read_text()
    for number in range(PROCESSES):
        points = store.points(task_id, "loss", f"process {number}")
        assert [(at, value) for at, _, value in points] == [(n, float(n)) for n in range(200)]
    together = sorted((value, at) for at, _, value in store.points(task_id, "all", "together"))
    assert together == [(float(n), step) for n in range(PROCESSES) for step in range(200)]
    parameters = {name: one.value for name, one in store.read(task_id).parameters.items()}
    steps, tenths = range(0, 200, 40), range(0, 200, 10)
    assert parameters == {f"Process {n}/{step}": step for n in range(PROCESSES) for step in tenths}
    artifacts = store.artifacts(task_id)
    assert set(artifacts) == {f"{n} at {step}" for n in range(PROCESSES) for step in steps}
    assert all(artifact.url for artifact in artifacts.values())
    tags = {f"tag-{n}-{step}" for n in range(PROCESSES) for step in steps}
    assert set(store.read(task_id).tags) == tags
    assert store.state(task_id).status is Status.COMPLETED


def test_nothing_that_eight_processes_set_from_outside_is_lost(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    draft = make_record(project="Faults")
    store.create(draft)
    (tmp_path / "setting.py").write_text(
        "import sys\n"
        "from elsewhere import Task\n"
        "task = Task.get_task(task_id=sys.argv[1])\n"
        "for step in range(25):\n"
        "    task.set_parameter(f'Process {sys.argv[2]}/{step}', step)\n"
        "    task.set_user_properties(**{f'property {sys.argv[2]} {step}': step})\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "setting.py", draft.id, str(number)],
            cwd=tmp_path,
            env=machine.environment,
        )
        for number in range(PROCESSES)
    ]
    assert [process.wait(timeout=PATIENCE_S) for process in processes] == [0] * PROCESSES
    record = store.read(draft.id)
    names = {f"Process {n}/{step}" for n in range(PROCESSES) for step in range(25)}
    assert set(record.parameters) == names
    labels = {f"property {n} {step}" for n in range(PROCESSES) for step in range(25)}
    assert set(record.properties) == labels


@pytest.mark.parametrize("ten", range(5))
def test_what_was_flushed_before_a_kill_arrives(
    machine: Machine, store: RedisStore, tmp_path: Path, ten: int
) -> None:
    chosen = random.Random(ten)
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "flushing.py").write_text(FLUSHING)
        process = subprocess.Popen(
            [sys.executable, "flushing.py", str(number)],
            cwd=folder,
            env=machine.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        noted, wanted = folder / "flushed", chosen.randrange(1, 4000)
        try:
            wait_until(
                lambda noted=noted, wanted=wanted: (  # type: ignore[misc]
                    noted.exists() and noted.stat().st_size >= wanted
                ),
                within_s=PATIENCE_S,
                what="so much is flushed",
            )
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=PATIENCE_S)
    done = deliver_dead(store, machine.home, uploader(str(machine.home.storage)))
    ids = set()
    for number in range(10):
        noted = tmp_path / str(number) / "flushed"
        task_id, last = noted.read_text().splitlines()[-1].split()
        ids.add(task_id)
        points = store.points(task_id, "curve", "square")
        iterations = [at for at, _, _ in points]
        assert iterations == list(range(len(points)))
        assert [value for _, _, value in points] == [float(at**2) for at in iterations]
        assert iterations[-1] >= int(last)
        outcome = store.state(task_id).outcome
        assert outcome is not None
        assert outcome.reason is Reason.LOST
    assert set(done) <= ids, "later scripts deliver what earlier ones left"
    assert not list(machine.home.sessions.iterdir())
