"""`Task`, as scripts use it: each script is a process of its own against a real store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core.choices import Reason, Status, TaskType
from elsewhere.core.errors import NotFoundError, TransitionError, UsageError
from elsewhere.core.events import Scalar
from elsewhere.core.folders import Home
from elsewhere.core.records import Outcome
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import begin, find, make_record


def only(store: RedisStore) -> str:
    (task_id,) = find(store)
    return task_id


# a script that is a task


def test_a_script_is_a_task_from_its_init_to_its_end(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    ran = scripts.run(
        """
        task = Task.init("examples", "my task", "testing", tags=["a", "b"])
        print(task.id, task.name, task.project, task.get_status(), Task.current_task() is task)
        print(Task.init() is task, Task.get_task(task_id=task.id) is task)
        import numpy
        task.set_progress(numpy.int64(40))
        task.set_progress(400)
        print(task.get_progress(), task.reload().get_tags())
        """
    )
    assert ran.status == 0, ran.errors
    task_id = only(store)
    assert ran.lines == [
        f"{task_id} my task examples in_progress True",
        "True True",
        "40.0 ['a', 'b']",
    ]
    record, state = store.read(task_id), store.state(task_id)
    assert record.type is TaskType.TESTING
    assert record.source.entry_point == "train.py"
    assert (state.status, state.progress) == (Status.COMPLETED, 100.0)
    output = store.output(task_id).data.decode().splitlines()
    assert [line for line in output if line in ran.lines] == ran.lines
    assert "1337" in ran.errors, "the seed is announced"
    assert list(Home(elsewhere_home).sessions.iterdir()) == []


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        ("sys.exit(3)", 3, Reason.PROGRAM_FAILED),
        ("raise ValueError('half \\udcff')", 1, Reason.PROGRAM_FAILED),
        ("Task.current_task().mark_failed(status_message='no')", 0, Reason.PROGRAM_FAILED),
        ("Task.current_task().mark_stopped()", 0, Reason.STOPPED),
        ("Task.current_task().close(); Task.current_task()", 0, Reason.COMPLETED),
        ("os.kill(os.getpid(), 15)", -15, Reason.STOPPED),
    ],
)
def test_the_task_ends_as_the_script_does(
    scripts: Scripts, store: RedisStore, end: str, status: int, reason: Reason
) -> None:
    ran = scripts.run(f"Task.init('examples', 'my task')\n{end}")
    assert ran.status == status, ran.errors
    outcome = store.state(only(store)).outcome
    assert outcome is not None
    assert outcome.reason is reason


def test_a_script_that_was_killed_is_ended_by_the_next_one(
    scripts: Scripts, store: RedisStore
) -> None:
    scripts.run(
        """
        task = Task.init("examples", "killed")
        print("last words", flush=True)
        task.get_logger().report_scalar("loss", "train", 0.5, 1)
        task.flush()
        os.kill(os.getpid(), 9)
        """
    )
    killed = only(store)
    scripts.run("Task.init('examples', 'next'); import time; time.sleep(0.5)")
    state = store.state(killed)
    assert state.outcome is not None
    assert (state.status, state.outcome.reason) == (Status.FAILED, Reason.LOST)
    assert store.output(killed).data.splitlines().count(b"last words") == 1
    assert store.points(killed, "loss", "train")[0][2] == 0.5


def test_threads_that_begin_at_once_have_one_task(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(
        """
        import threading
        at_once, tasks = threading.Barrier(8), []
        def begin():
            at_once.wait()
            tasks.append(Task.init("examples", "my task"))
        threads = [threading.Thread(target=begin) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(tasks), len(set(map(id, tasks))))
        """
    )
    assert ran.status == 0, ran.errors
    assert ran.lines == ["8 1"]
    assert store.state(only(store)).status is Status.COMPLETED


def test_a_function_that_was_registered_before_may_report_at_the_end(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        import atexit
        def report():
            task.get_logger().report_scalar("loss", "train", 0.5, 1)
            task.upload_artifact("late", {"a": 1})
            print("reported")
        atexit.register(report)
        task = Task.init("examples", "my task")
        """
    )
    assert (ran.status, ran.lines) == (0, ["reported"]), ran.errors
    task_id = only(store)
    assert store.points(task_id, "loss", "train")[0][2] == 0.5
    assert store.artifacts(task_id)["late"].url
    assert b"reported\n" in store.output(task_id).data
    assert store.state(task_id).status is Status.COMPLETED


def test_several_tasks_one_after_the_other_are_several_tasks(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        for name in ("one", "two"):
            task = Task.init("examples", name + " task")
            print(name)
            task.close()
            task.close()
            print(Task.current_task())
        """
    )
    assert ran.status == 0, ran.errors
    for name, printed in (("one task", b"one\n"), ("two task", b"two\n")):
        (task_id,) = find(store, project_name="examples", exact_name=name)
        assert store.state(task_id).status is Status.COMPLETED
        assert store.output(task_id).data.splitlines(keepends=True).count(printed) == 1


MISUSE: dict[str, tuple[str, str]] = {
    "name": ("Task.init('examples', 'ab')", "UsageError: The task name 'ab' cannot be used"),
    "project": ("Task.init('ab', 'task')", "UsageError: The project name 'ab' cannot be used"),
    "type": ("Task.init('examples', 'task', 'dancing')", "UsageError: There is no task type"),
    "another name": (
        "Task.init('examples', 'one'); Task.init('examples', 'two')",
        "UsageError: This script already is the task 'one'",
    ),
    "after close": (
        "task = Task.init('examples', 'task'); task.close(); task.set_progress(5)",
        "UsageError: set_progress came after close()",
    ),
    "connect": (
        "Task.init('examples', 'task').connect([1])",
        "UsageError: connect takes a dict, an object with attributes, a class",
    ),
    "queue": (
        "Task.init('examples', 'task').execute_remotely('nowhere')",
        "NotFoundError: There is no queue 'nowhere'.",
    ),
    "two places": (
        "Task.init('examples', 'task').execute_remotely(exit_process=False)",
        "UsageError: execute_remotely(clone=False, exit_process=False) would run the same",
    ),
    "unknown task": ("Task.get_task('0' * 32)", "NotFoundError: There is no task with the id"),
    "another's progress": (
        "Task.create('examples', 'task').set_progress(5)",
        "UsageError: set_progress belongs to the task that a script is",
    ),
}


@pytest.mark.parametrize(("script", "error"), MISUSE.values(), ids=MISUSE)
def test_a_wrong_call_is_answered_with_a_sentence_and_hangs_nothing(
    scripts: Scripts, store: RedisStore, script: str, error: str
) -> None:
    ran = scripts.run(script)
    assert ran.status == 1
    assert error in ran.last_error


def test_a_store_that_cannot_be_reached_is_an_error_and_no_hang(scripts: Scripts) -> None:
    ran = scripts.run("Task.init('examples', 'task')", ELSEWHERE_REDIS_URL="redis://127.0.0.1:1")
    assert ran.status == 1
    assert "StoreUnavailableError: The Redis at redis://127.0.0.1:1 cannot be used" in ran.errors


# going elsewhere


def test_a_script_that_goes_elsewhere_ends_here_and_waits_in_its_queue(
    scripts: Scripts, store: RedisStore
) -> None:
    (scripts.folder / "beside.py").write_text("VALUE = 1\n")
    ran = scripts.run(
        """
        import beside
        task = Task.init("examples", "my task")
        parameters = task.connect({"rate": 0.1})
        print("before")
        task.execute_remotely("default")
        print("never")
        """
    )
    assert (ran.status, ran.lines) == (0, ["before"])
    task_id = only(store)
    state, record = store.state(task_id), store.read(task_id)
    assert (state.status, state.queue) == (Status.QUEUED, "default")
    assert Queues(store).entries("default") == {task_id}
    assert record.parameters["General/rate"].value == 0.1
    assert record.environment.packages is not None
    assert record.source.missing == ""
    assert b"beside.py" in store.get_blob(record.source.patch)


def test_a_clone_goes_elsewhere_while_the_script_goes_on(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        task = Task.init("examples", "my task")
        sent = task.execute_remotely("default", clone=True, exit_process=False)
        print(sent.id, sent.get_status(), task.get_status())
        """
    )
    assert ran.status == 0, ran.errors
    (sent,) = find(store, {"status": Status.QUEUED})
    assert ran.lines == [f"{sent} queued in_progress"]
    assert store.read(sent).name == "Clone Of my task"
    assert len(find(store, {"status": Status.COMPLETED})) == 1


def test_without_a_queue_the_task_becomes_a_draft(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run("Task.init('examples', 'my task').execute_remotely(); print('never')")
    assert (ran.status, ran.lines) == (0, [])
    assert store.state(only(store)).status is Status.CREATED
    assert store.redis.keys("rq:*") == []


def test_code_that_cannot_travel_is_an_error_and_the_script_goes_on(
    scripts: Scripts, store: RedisStore
) -> None:
    (scripts.folder / "large.py").write_text("#" + "x" * 2_000_000)
    ran = scripts.run(
        """
        import large
        task = Task.init("examples", "my task")
        try:
            task.execute_remotely("default")
        except Exception as error:
            print(type(error).__name__, "large.py" in str(error))
        """,
        ELSEWHERE_CAPTURE_LIMIT_BYTES="1000000",
    )
    assert (ran.status, ran.lines) == (0, ["TooLargeError True"]), ran.errors
    assert store.state(only(store)).status is Status.COMPLETED
    assert Queues(store).length("default") == 0


# a handle on another task


@pytest.fixture
def task(store: RedisStore) -> Task:
    record = make_record(name="by hand")
    store.create(record)
    return Task(record.id, store)


def test_a_task_made_by_hand_is_a_draft_of_what_was_given(store: RedisStore) -> None:
    made = Task.create(
        "examples", None, "qc", repo="r", branch="main", script="a/train.py", packages=["numpy"]
    )
    record = store.read(made.id)
    assert (record.name, record.type, record.source.branch) == ("train", TaskType.QC, "main")
    assert record.environment.packages == ("numpy",)
    assert made.get_status() == "created"
    made.access.store.close()


def test_parameters_keep_their_types_and_replace_or_add(task: Task) -> None:
    task.set_parameters({"a": 1, "B/c": [1, 2]}, d=None)
    task.set_parameter("a", 2.5)
    assert task.get_parameters() == {"B/c": [1, 2], "General/a": 2.5, "General/d": None}
    task.set_parameters({"e": True})
    assert task.get_parameters() == {"General/e": True}
    assert task.get_parameter("e") is True
    assert task.get_parameter("nothing", 7) == 7


def test_a_status_is_moved_by_hand_where_that_is_allowed(task: Task) -> None:
    with pytest.raises(TransitionError):
        task.mark_completed()
    task.mark_started()
    task.mark_completed(status_message="done")
    assert task.status == "completed"
    with pytest.raises(TransitionError):
        task.mark_failed()
    task.mark_failed(force=True)
    assert task.status == "failed"
    task.mark_failed()


def test_a_task_is_enqueued_dequeued_and_cloned_by_its_handle_or_id(
    task: Task, store: RedisStore
) -> None:
    Task.enqueue(task)
    with pytest.raises(TransitionError):
        Task.enqueue(task, "default")
    Task.dequeue(task)
    assert task.get_status() == "created"
    clone = Task.clone(task, name="a copy", comment="why")
    assert (clone.name, store.read(clone.id).parent) == ("a copy", task.id)
    with pytest.raises(NotFoundError):
        Task.enqueue("0" * 32)
    with pytest.raises(UsageError):
        Task.enqueue(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "wanted", "raises"),
    [
        (Outcome(reason=Reason.COMPLETED), {}, None),
        (Outcome(reason=Reason.STOPPED), {}, None),
        (Outcome(reason=Reason.PROGRAM_FAILED, exit_code=3), {}, TransitionError),
        (Outcome(reason=Reason.PROGRAM_FAILED), {"status": ["failed"]}, None),
        (Outcome(reason=Reason.COMPLETED), {"status": ["failed"]}, TransitionError),
        (None, {"within_s": 0.1}, TimeoutError),
    ],
)
def test_waiting_ends_with_the_status_or_with_the_reason_why_not(
    store: RedisStore,
    outcome: Outcome | None,
    wanted: dict[str, Any],
    raises: type[Exception] | None,
) -> None:
    task_id = begin(store)
    if outcome is not None:
        store.finish(task_id, 1, outcome)
    handle = Task(task_id, store)
    if raises is None:
        assert handle.wait_for_status(**wanted) == handle.get_status()
    else:
        with pytest.raises(raises, match=task_id):
            handle.wait_for_status(**wanted)


def test_a_handle_on_a_deleted_task_raises_not_found(task: Task, store: RedisStore) -> None:
    store.delete(task.id)
    for call in (task.get_status, task.reload, task.get_parameters, lambda: task.name):
        with pytest.raises(NotFoundError):
            call()


def test_output_and_scalars_are_read_by_anyone(store: RedisStore) -> None:
    task_id = begin(store)
    points = [Scalar(title="t", series="s", value=n / 2, iteration=n, at=0.0) for n in range(3)]
    store.apply(task_id, 1, "f", 0, 1, points)
    store.append_output(task_id, 1, 0, 200_000, b"x" * 199_999 + b"\n", "")
    handle = Task(task_id, store)
    assert handle.get_reported_scalars() == {
        "t": {"s": {"name": "s", "x": [0, 1, 2], "y": [0.0, 0.5, 1.0]}}
    }
    (last,) = handle.get_reported_console_output()
    assert last == "x" * 65_535 + "\n"
    assert "".join(handle.get_reported_console_output(100)) == "x" * 199_999 + "\n"
