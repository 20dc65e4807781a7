"""The abort callback: what a script may still do when somebody has asked for a stop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import UsageError
from elsewhere.store.redis.store import RedisStore
from elsewhere.task.task import Task
from tests.sdk.scripts import Ran, Scripts
from tests.stores import begin, find
from tests.waiting import wait_until

BEGIN = """
import time, threading
task = Task.init("examples", "a task")

def save():
    assert task.get_status() == "in_progress"
    task.upload_artifact("state", {"step": 3})
    task.get_logger().report_scalar("loss", "train", 0.5, 7)
    print("saved", flush=True)

"""
GO_ON = """
Path("ready").touch()
for _ in range(6000): time.sleep(0.01)
"""


def stopped(scripts: Scripts, store: RedisStore, script: str, *, by: str = "stop") -> Ran:
    """Runs it until it is ready, then has it stopped."""
    with ThreadPoolExecutor() as pool:
        running = pool.submit(scripts.run, BEGIN + script)
        ready = scripts.folder / "ready"
        wait_until(lambda: ready.exists() or running.done(), within_s=30)
        (task_id,) = find(store)
        if by == "stop":
            store.request_stop(task_id)
        elif by == "move":
            store.move(task_id, Status.STOPPED, allowed=(Status.IN_PROGRESS,))
        return running.result()


def only(store: RedisStore) -> str:
    (task_id,) = find(store)
    return task_id


def test_what_a_callback_saves_is_kept_and_the_script_is_stopped_behind_it(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = stopped(scripts, store, f"task.register_abort_callback(save)\n{GO_ON}")
    assert (ran.status, ran.lines) == (-15, ["saved"]), ran.errors
    task_id = only(store)
    state = store.state(task_id)
    assert state.outcome is not None
    assert (state.status, state.outcome.reason) == (Status.STOPPED, Reason.STOPPED)
    assert store.artifacts(task_id)["state"].url
    assert store.points(task_id, "loss", "train")[0][0] == 7


@pytest.mark.parametrize(
    ("register", "sentence"),
    [
        ("save, 0.2", "the abort callback has not ended within 0.2 s"),
        ("fail", "ZeroDivisionError"),
        ("leave", ""),
        ("None", ""),
    ],
)
def test_no_callback_keeps_the_stop_away(
    scripts: Scripts, store: RedisStore, register: str, sentence: str
) -> None:
    script = f"""
def save():
    time.sleep(60)

def fail():
    1 / 0

def leave():
    sys.exit(3)

task.register_abort_callback(lambda: print("the first"))
task.register_abort_callback({register})
{GO_ON}
"""
    ran = stopped(scripts, store, script)
    assert (ran.status, ran.lines) == (-15, []), ran.errors
    assert sentence in ran.errors
    assert store.state(only(store)).status is Status.STOPPED


@pytest.mark.parametrize("by", ["move", "Ctrl-C"])
def test_it_is_called_for_nothing_but_a_request(
    scripts: Scripts, store: RedisStore, by: str
) -> None:
    script = "task.register_abort_callback(save)\n"
    if by == "Ctrl-C":
        script += "os.kill(os.getpid(), 2)\n"
    ran = stopped(scripts, store, script + GO_ON, by=by)
    assert ran.status != 0
    assert ran.lines == []
    assert store.state(only(store)).status is Status.STOPPED


def test_a_script_that_ends_meanwhile_waits_for_its_callback_and_is_stopped(
    scripts: Scripts, store: RedisStore
) -> None:
    script = """
begun = threading.Event()

def slow():
    begun.set()
    time.sleep(0.3)
    save()

task.register_abort_callback(slow)
Path("ready").touch()
begun.wait(60)
"""
    ran = stopped(scripts, store, script)
    assert (ran.status, ran.lines) == (-15, ["saved"]), ran.errors
    assert "Traceback" not in ran.errors
    task_id = only(store)
    assert store.state(task_id).status is Status.STOPPED
    assert set(store.artifacts(task_id)) == {"state"}


def test_a_callback_may_end_the_task_itself(scripts: Scripts, store: RedisStore) -> None:
    script = """
task.register_abort_callback(lambda: (save(), task.mark_completed(), Path("done").touch()))
Path("ready").touch()
while not Path("done").exists(): time.sleep(0.01)
print("alive", Task.current_task())
"""
    ran = stopped(scripts, store, script)
    assert (ran.status, ran.lines) == (0, ["saved", "alive None"]), ran.errors
    assert store.state(only(store)).status is Status.COMPLETED


def test_a_wrong_registration_is_one_sentence(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(
        """
        import multiprocessing, time

        def attempted(*given):
            try:
                Task.current_task().register_abort_callback(*given)
            except ValueError as error:
                print(type(error).__name__, str(error).partition(":")[0], flush=True)

        if __name__ == "__main__":
            task = Task.init("examples", "a task")
            attempted(3)
            for seconds in (0, -1, float("nan"), "30", True):
                attempted(print, seconds)
            child = multiprocessing.get_context("fork").Process(target=attempted, args=(print,))
            child.start()
            child.join()
            task.close()
            try:
                task.register_abort_callback(print)
            except ValueError as error:
                print("closed", error)
        """
    )
    assert ran.status == 0, ran.errors
    sentences = [line.partition(" ")[2] for line in ran.lines]
    assert sentences[0].startswith("An abort callback must be a function")
    assert all(
        "callback_execution_timeout must be a number of seconds, more than 0" in line
        for line in sentences[1:6]
    )
    assert "belongs to the process that the task is" in sentences[6]
    assert "came after close()" in sentences[7]
    assert len(sentences) == 8


def test_it_belongs_to_the_task_that_a_script_is(store: RedisStore) -> None:
    with pytest.raises(UsageError, match=r"Task\.init"):
        Task(begin(store), store).register_abort_callback(print)
