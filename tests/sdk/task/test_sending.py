"""`execute_remotely` where it cannot do the usual: a prompt, a thread, another task, no queue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from elsewhere import Task
from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import NotFoundError, TransitionError, UsageError
from elsewhere.core.records import Outcome
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import begin, find, make_record

PROMPT = """
from elsewhere import Task
task = Task.init("examples", "prompt")
try:
    task.execute_remotely("default")
except Exception as error:
    print(type(error).__name__, error)
print("goes on", task.get_status())
"""


@pytest.mark.parametrize("words", [["-c", PROMPT], ["-"], ["-i"]], ids=["-c", "stdin", "prompt"])
def test_what_is_typed_cannot_travel_and_goes_on(
    store: RedisStore, tmp_path: Path, words: list[str]
) -> None:
    given = PROMPT.replace('print("goes on', '\nprint("goes on') if words[0] != "-c" else ""
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    error, after = ended.stdout.splitlines()[-2:]
    assert error.startswith("CaptureError The code cannot run elsewhere, since no file of it is")
    assert (
        "Save it as a .py file and start that, or name the file to run with Task.create(script=...)"
        in error
    )
    assert after == "goes on in_progress", ended.stderr
    assert Queues(store).length("default") == 0


def test_a_thread_cannot_end_the_script(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(
        """
        import threading
        task = Task.init("examples", "own")
        def send():
            try:
                task.execute_remotely("default")
            except ValueError as error:
                print(error)
        thread = threading.Thread(target=send)
        thread.start()
        thread.join()
        print(task.get_status())
        """
    )
    assert ran.lines[0].startswith("execute_remotely ends the script, which a thread cannot")
    assert ran.lines[1:] == ["in_progress"], ran.errors


def test_an_unknown_queue_is_answered_with_the_closest(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run("Task.init('examples', 'own').execute_remotely('defualt')")
    assert "Did you mean 'default'" in ran.last_error
    ran = scripts.run("Task.init('examples', 'own').execute_remotely('x', exit_process=False)")
    assert "would run the same task in two places" in ran.last_error


def test_a_task_that_goes_on_elsewhere_is_handed_over_and_was_never_stopped(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        "task = Task.init('examples', 'own')\nprint(task.id)\ntask.execute_remotely()"
    )
    assert ran.status == 0, ran.errors
    (task_id,) = ran.lines
    (attempt,) = store.attempts(task_id)
    assert attempt.outcome is not None
    assert attempt.outcome.reason is Reason.HANDED_OVER
    state = store.state(task_id)
    assert (state.status, state.message) == (Status.CREATED, "It was made a draft.")


def test_a_copy_without_a_queue_is_a_draft(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(
        """
        task = Task.init("examples", "own")
        copy = task.execute_remotely(clone=True, exit_process=False)
        print(copy.name, copy.get_status(), copy.id != task.id)
        """
    )
    assert ran.lines == ["Clone Of own created True"], ran.errors
    assert "is a draft: it can be enqueued" in ran.errors


def test_the_script_ends_with_code_0_after_a_copy_was_sent(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run("Task.init('examples', 'own').execute_remotely('default', True); print('no')")
    assert (ran.status, ran.lines) == (0, [])
    (own,) = find(store, project_name="examples", exact_name="own")
    assert store.state(own).status is Status.COMPLETED
    assert Queues(store).length("default") == 1


def test_another_task_is_enqueued_or_a_copy_of_it(
    store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    record = make_record()
    store.create(record)
    task = Task(record.id, store)
    assert task.execute_remotely("default") is None
    assert task.get_status() == "queued"
    assert "is not this script's own" in caplog.text
    copy = task.execute_remotely("default", clone=True)
    assert copy is not None
    assert (copy.name, copy.get_status()) == ("Clone Of train", "queued")


def test_another_task_needs_a_queue_that_is_there_and_a_status_that_allows_it(
    store: RedisStore,
) -> None:
    task_id = begin(store)
    store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED))
    task = Task(task_id, store)
    with pytest.raises(UsageError, match="needs a queue"):
        task.execute_remotely()
    with pytest.raises(NotFoundError, match="Did you mean 'default'"):
        task.execute_remotely("defualt", clone=True)
    with pytest.raises(TransitionError, match="Clone it"):
        task.execute_remotely("default")
    assert find(store) == [task_id]
