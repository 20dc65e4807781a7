"""The SDK is a guest: forks, threads and signals of a program go on as they did without it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import find
from tests.waiting import wait_until


def only(store: RedisStore) -> str:
    (task_id,) = find(store)
    return task_id


def test_a_fork_in_the_middle_of_a_delivery_can_ask_for_its_task(scripts: Scripts) -> None:
    ran = scripts.run(
        """
        task = Task.init("examples", "forking")
        task.access.run.carrier._session._lock.acquire()  # as its thread has it while it delivers
        if (child := os.fork()) == 0:
            is_there = task.flush(wait_for_uploads=True) and task.get_status() == "in_progress"
            os._exit(0 if is_there else 1)
        print(os.waitpid(child, 0)[1])
        task.access.run.carrier._session._lock.release()
        """
    )
    assert (ran.status, ran.lines) == (0, ["0"]), ran.errors


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("close()", Status.COMPLETED),
        ("mark_completed()", Status.COMPLETED),
        ("mark_failed()", Status.FAILED),
    ],
)
def test_a_forked_child_does_not_end_its_parents_task_but_may_judge_it(
    scripts: Scripts, store: RedisStore, end: str, status: Status
) -> None:
    ran = scripts.run(
        f"""
        task = Task.init("examples", "forking")
        if (child := os.fork()) == 0:
            task.{end}
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(task.get_status())
        task.get_logger().report_scalar("a", "b", 1, 1)
        """
    )
    assert (ran.status, ran.lines) == (0, ["in_progress"]), ran.errors
    assert store.state(only(store)).status is status
    assert len(store.points(only(store), "a", "b")) == 1


def test_a_clone_of_the_running_script_has_its_whole_code(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run("print(Task.clone(Task.init('examples', 'cloning')).id)")
    assert ran.status == 0, ran.errors
    source = store.read(ran.lines[0]).source
    assert source.missing == ""
    assert b"cloning" in store.get_blob(source.patch)


def started(folder: Path, redis_url: str, script: str) -> subprocess.Popen[str]:
    (folder / "train.py").write_text("import sys, threading, time\n" + textwrap.dedent(script))
    return subprocess.Popen(
        [sys.executable, "train.py"],
        cwd=folder,
        env={**os.environ, "ELSEWHERE_REDIS_URL": redis_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_sigterm_ends_a_program_whose_threads_go_on(
    tmp_path: Path, redis_url: str, store: RedisStore
) -> None:
    script = """
        from elsewhere import Task
        task = Task.init("examples", "threads")
        threading.Thread(target=time.sleep, args=(600,)).start()
        print("ready", flush=True)
        while True:  # a signal just before a sleep is handled behind it
            time.sleep(0.1)
        """
    with started(tmp_path, redis_url, script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) in (143, -signal.SIGTERM)
    state = store.state(only(store))
    assert state.status is Status.STOPPED
    assert state.outcome is not None
    assert state.outcome.reason is Reason.STOPPED


def test_more_signals_do_not_lose_how_it_ended(
    tmp_path: Path, redis_url: str, store: RedisStore
) -> None:
    script = """
        import atexit, os
        from elsewhere import Task
        task = Task.init("examples", "impatient")
        original = task.access.run._reporter.close
        def slow():
            print("ending", flush=True)
            sys.stdin.readline()
            original()
        task.access.run._reporter.close = slow
        print("ready", flush=True)
        while True:  # a signal just before a sleep is handled behind it
            time.sleep(0.1)
        """
    (tmp_path / "train.py").write_text("import sys, threading, time\n" + textwrap.dedent(script))
    with subprocess.Popen(
        [sys.executable, "train.py"],
        cwd=tmp_path,
        env={**os.environ, "ELSEWHERE_REDIS_URL": redis_url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "ending\n"
        process.send_signal(signal.SIGTERM)
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert process.wait(timeout=30) == -signal.SIGTERM
    wait_until(lambda: store.state(only(store)).status is Status.STOPPED)


def test_an_artifact_whose_place_cannot_be_reached_is_kept_and_named(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    ran = scripts.run(
        """
        place = Path("place")
        place.mkdir()
        task = Task.init("examples", "artifacts", output_uri=str(place.absolute()))
        place.rmdir()
        place.write_text("in the way")
        print(task.upload_artifact("kept", {"a": 1}, wait_on_upload=True))
        """
    )
    assert (ran.status, ran.lines) == (0, ["False"]), ran.errors
    task_id = only(store)
    assert store.artifacts(task_id)["kept"].url == ""
    assert "could not be uploaded" in store.artifacts(task_id)["kept"].preview
    (kept,) = elsewhere_home.glob(f"sessions/{task_id}.1/files/*/*")
    assert kept.read_text().split() == ["{", '"a":', "1", "}"]
    assert str(kept.parent.parent) in ran.errors


def test_a_flag_that_looks_secret_takes_no_word_with_it(
    tmp_path: Path, redis_url: str, store: RedisStore
) -> None:
    script = tmp_path / "train.py"
    script.write_text("from elsewhere import Task; Task.init('examples', 'flags')")
    words = ["--use-auth-token", "--epochs", "3", "--api-key", "abc", "--password=xyz", "end"]
    environment = {**os.environ, "ELSEWHERE_REDIS_URL": redis_url}
    subprocess.run([sys.executable, script, *words], cwd=tmp_path, env=environment, check=True)
    shown = ["--use-auth-token", "--epochs", "3", "--api-key", "***", "--password=***", "end"]
    assert list(store.read(only(store)).source.argv) == shown
