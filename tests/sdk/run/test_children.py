"""Processes that a task's own starts, whichever way: they report to the same task."""

from __future__ import annotations

import pytest

from elsewhere.core.choices import Status
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import find

WORKERS = """
import multiprocessing

def work(number):
    task = Task.current_task()
    task.get_logger().report_scalar("loss", f"worker {number}", number, 1)
    task.set_parameter(f"Workers/{number}", number)
    task.upload_artifact(f"of {number}", {"number": number})
    return task.id

if __name__ == "__main__":
    task = Task.init("examples", "workers")
    with multiprocessing.get_context("METHOD").Pool(3) as pool:
        assert set(pool.map(work, range(6))) == {task.id}
    print(task.id)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_report_to_the_same_task(scripts: Scripts, store: RedisStore, method: str) -> None:
    ran = scripts.run(WORKERS.replace("METHOD", method))
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    assert ran.lines == [task_id]
    assert {one.series for one in store.series(task_id) if one.title == "loss"} == {
        f"worker {number}" for number in range(6)
    }
    assert set(store.read(task_id).parameters) == {f"Workers/{number}" for number in range(6)}
    artifacts = store.artifacts(task_id)
    assert set(artifacts) == {f"of {number}" for number in range(6)}
    assert all(artifact.url for artifact in artifacts.values())


def test_a_program_that_the_task_starts_joins_it(scripts: Scripts, store: RedisStore) -> None:
    (scripts.folder / "helper.py").write_text(
        "from elsewhere import Task\n"
        "task = Task.init('another project', 'another name')\n"
        "print(task.id, Task.current_task() is task, task.get_status())\n"
        "task.get_logger().report_scalar('loss', 'helper', 1, 1)\n"
        "task.add_tags('from the helper')\n"
        "task.close()\n"
    )
    ran = scripts.run(
        """
        import subprocess
        task = Task.init("examples", "leader")
        subprocess.run([sys.executable, "helper.py"], check=True)
        print(task.get_status())
        task.close()
        subprocess.run([sys.executable, "helper.py"], check=True)
        """
    )
    assert ran.status == 0, ran.errors
    joined, status, alone = ran.lines
    led, *others = joined.split()
    assert others == ["True", "in_progress"]
    assert status == "in_progress"
    assert alone.split()[0] != led, "after close() the helper is a task of its own"
    assert store.state(led).status is Status.COMPLETED
    assert store.read(led).tags == ("from", "helper", "the")
    assert [one.series for one in store.series(led) if one.title == "loss"] == ["helper"]


def test_a_verdict_of_a_forked_child_is_that_of_the_task_at_its_end(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        import os
        task = Task.init("examples", "leader")
        if (child := os.fork()) == 0:
            task.mark_failed(status_message="seen by the child")
            os._exit(0)
        os.waitpid(child, 0)
        print(task.get_status())
        """
    )
    assert (ran.status, ran.lines) == (0, ["in_progress"]), ran.errors
    (task_id,) = find(store)
    state = store.state(task_id)
    assert (state.status, state.message) == (Status.FAILED, "seen by the child")


def test_a_child_cannot_send_the_task_elsewhere(scripts: Scripts) -> None:
    (scripts.folder / "helper.py").write_text(
        "from elsewhere import Task\nTask.init().execute_remotely('default')\n"
    )
    ran = scripts.run(
        """
        import subprocess
        task = Task.init("examples", "leader")
        done = subprocess.run([sys.executable, "helper.py"], capture_output=True, text=True)
        print(done.returncode, done.stderr.strip().splitlines()[-1])
        """
    )
    assert ran.status == 0, ran.errors
    assert ran.lines[0].startswith("1 elsewhere.core.errors.UsageError: ")
    assert "process" in ran.lines[0]


def test_a_process_without_a_leader_has_no_current_task(scripts: Scripts) -> None:
    ran = scripts.run("print(Task.current_task())", ELSEWHERE_LEADER="1:/nowhere")
    assert ran.lines == ["None"]


def test_the_current_logger_is_that_of_the_task(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(
        """
        from elsewhere import Logger
        print(Logger.current_logger())
        task = Task.init("examples", "logging")
        Logger.current_logger().report_scalar("loss", "train", 1, 1)
        task.close()
        print(Logger.current_logger())
        """
    )
    assert (ran.status, ran.lines) == (0, ["None", "None"]), ran.errors
    (task_id,) = find(store)
    assert [one.title for one in store.series(task_id) if one.title[0] != ":"] == ["loss"]


def test_several_tasks_one_after_the_other_leave_nothing_behind(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        import signal
        def hooks():
            return (sys.stdout, sys.stderr, sys.excepthook, sys.exit,
                    signal.getsignal(signal.SIGTERM), sorted(os.environ))
        before = hooks()
        for number in range(3):
            task = Task.init("examples", f"number {number}")
            task.connect({"number": number})
            print(number, Task.current_task() is task)
            task.close()
            assert hooks() == before, number
            assert Task.current_task() is None
        """
    )
    assert ran.status == 0, ran.errors
    assert ran.lines == ["0 True", "1 True", "2 True"]
    for task_id in find(store):
        record = store.read(task_id)
        number = int(record.name.split()[1])
        assert record.parameters["General/number"].value == number
        assert store.output(task_id).data.decode().splitlines().count(f"{number} True") == 1
