"""Where a task stands, moved by hand: of a handle, of the script that it is, and on an agent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core.choices import Reason, Status
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import NotFoundError, TransitionError, UsageError
from elsewhere.core.events import Event, Progress, PublishAtEnd, Verdict
from elsewhere.core.folders import Home, write_beside
from elsewhere.core.journal import journal_files, read_events
from elsewhere.core.records import Outcome
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.states import MOVES
from tests.sdk.scripts import Scripts
from tests.stores import begin, brought_to, find, make_record


@pytest.fixture
def task(store: RedisStore) -> Task:
    record = make_record(name="by hand")
    store.create(record)
    return Task(record.id, store)


def at(store: RedisStore, status: Status) -> Task:
    return Task(brought_to(store, status), store)


# moves

MOVERS: dict[str, tuple[Status, Callable[[Task, bool], Any]]] = {
    "mark_started": (Status.IN_PROGRESS, lambda task, force: task.mark_started(force=force)),
    "started": (Status.IN_PROGRESS, lambda task, force: task.started(force=force)),
    "mark_stopped": (Status.STOPPED, lambda task, force: task.mark_stopped(force=force)),
    "stopped": (Status.STOPPED, lambda task, force: task.stopped(force=force)),
    "mark_completed": (Status.COMPLETED, lambda task, force: task.mark_completed(force=force)),
    "mark_failed": (Status.FAILED, lambda task, force: task.mark_failed(force=force)),
    "reset": (Status.CREATED, lambda task, force: task.reset(force=force)),
}


@pytest.mark.parametrize("old", Status)
@pytest.mark.parametrize("name", MOVERS)
def test_a_move_by_hand_is_made_where_the_table_allows_it_and_everywhere_by_force(
    store: RedisStore, name: str, old: Status
) -> None:
    target, move = MOVERS[name]
    task = at(store, old)
    if target in MOVES[old] or target is old:
        move(task, False)
    else:
        with pytest.raises(TransitionError, match=f"it is {old}"):
            move(task, False)
        assert task.get_status() == old
        move(task, True)
    assert task.get_status() == target


@pytest.mark.parametrize("old", Status)
def test_what_is_over_can_be_published(store: RedisStore, old: Status) -> None:
    task = at(store, old)
    if Status.PUBLISHED in MOVES[old] or old is Status.PUBLISHED:
        assert task.publish()
        assert task.status == "published"
    else:
        with pytest.raises(TransitionError):
            task.publish()


def test_a_status_comes_with_its_sentence(task: Task) -> None:
    task.mark_started()
    task.mark_failed(status_reason="diverged")
    assert task.get_status_message() == ("failed", "diverged")
    with pytest.raises(UsageError, match="status_message"):
        task.mark_stopped(force=True, status_message=3)  # type: ignore[arg-type]


def test_a_completed_task_is_published_where_that_was_asked_before(task: Task) -> None:
    task.publish_on_completion()
    task.mark_started()
    task.mark_completed()
    assert task.status == "published"
    with pytest.raises(UsageError, match="True or False"):
        task.publish_on_completion("yes")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["mark_stopped", "reset", "mark_stop_request"])
def test_a_task_that_leaves_its_queue_leaves_no_entry_there(
    task: Task, store: RedisStore, name: str
) -> None:
    Task.enqueue(task)
    getattr(task, name)()
    assert task.status == ("created" if name == "reset" else "stopped")
    assert Task.get_num_enqueued_tasks() == 0
    assert store.queued(older_than_s=0) == {}


def test_a_stop_is_asked_for_where_something_runs(store: RedisStore) -> None:
    task = Task(begin(store), store)
    task.stop_request(status_message="enough")
    state = store.state(task.id)
    assert (state.status, state.message) == (Status.IN_PROGRESS, "enough")
    assert state.stop_requested_at > 0
    over = at(store, Status.COMPLETED)
    with pytest.raises(TransitionError, match="nothing runs"):
        over.mark_stop_request()
    over.mark_stop_request(force=True)
    over.mark_stop_request()
    assert over.status == "stopped"


def test_a_reset_task_is_a_draft_or_begins_by_hand(store: RedisStore) -> None:
    task = Task(begin(store), store)
    store.apply(task.id, 1, "j", 0, 1, [Progress(percent=5.0, at=0.0)])
    store.finish(task.id, 1, Outcome(reason=Reason.PROGRAM_FAILED))
    task.reset()
    assert (task.status, task.get_progress()) == ("created", None)
    task.reset(set_started_on_success=True)
    assert task.status == "in_progress"
    assert (task.get_last_iteration(), task.last_worker) == (0, None)


# waiting


@pytest.mark.parametrize(
    ("wanted", "closest"),
    [
        ({"status": ["complete"]}, "completed"),
        ({"status": "complete"}, "completed"),
        ({"raise_on_status": ("fail",)}, "failed"),
        ({"status": [3]}, "Known:"),
        ({"status": 3}, "list of statuses"),
        ({"check_interval_sec": 0}, "check_interval_sec"),
        ({"check_interval_sec": "1"}, "check_interval_sec"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(task: Task, wanted: Any, closest: str) -> None:
    with pytest.raises(UsageError, match=closest):
        task.wait_for_status(**wanted)


@pytest.mark.parametrize("wanted", ["stopped", Status.STOPPED, [Status.STOPPED], {"stopped"}])
def test_a_wait_is_woken_by_the_change(store: RedisStore, wanted: Any) -> None:
    task = Task(begin(store), store)
    ended = threading.Thread(target=task.mark_stopped)
    ended.start()
    assert task.wait_for_status(wanted, raise_on_status=None, check_interval_sec=600) == "stopped"
    ended.join()


def test_a_published_task_is_as_good_as_a_completed_one(store: RedisStore) -> None:
    assert at(store, Status.PUBLISHED).wait_for_status() == "published"


# queues


def test_who_enqueues_gets_what_has_changed(task: Task) -> None:
    Queues(task.access.store).create("gpu")
    changed = Task.enqueue(task, queue_name="gpu")
    assert (changed["queued"], changed["updated"]) == (1, 1)
    assert changed["fields"]["status"] == "queued"
    assert changed["fields"]["execution.queue"] == "gpu"
    assert task.get_executed_queue() == "gpu"
    assert task.get_executed_queue(return_name=True) == "gpu"
    assert (Task.get_num_enqueued_tasks("gpu"), Task.get_num_enqueued_tasks()) == (1, 0)
    changed = Task.dequeue(task.id)
    assert (changed["dequeued"], changed["fields"]["status"]) == (1, "created")
    assert Task.get_num_enqueued_tasks(queue_id="gpu") == 0


@pytest.mark.parametrize("old", [Status.STOPPED, Status.FAILED, Status.CREATED])
def test_a_dequeued_task_is_what_it_was_before(store: RedisStore, old: Status) -> None:
    task = at(store, old)
    Task.enqueue(task)
    Task.dequeue(task)
    assert task.status == old
    with pytest.raises(TransitionError, match="it is in none"):
        Task.dequeue(task)


@pytest.mark.parametrize("old", Status)
def test_by_force_a_task_of_any_status_goes_into_the_queue(store: RedisStore, old: Status) -> None:
    Queues(store).create("first")
    task = at(store, old if old is not Status.QUEUED else Status.CREATED)
    store.edit(task.id, Progress(percent=5.0, at=0.0))
    if old is Status.QUEUED:
        Task.enqueue(task, "first")
    allowed = Status.QUEUED in MOVES[old]
    if not allowed:
        with pytest.raises(TransitionError):
            Task.enqueue(task)
    Task.enqueue(task, force=True)
    assert (task.status, task.get_executed_queue()) == ("queued", "default")
    assert Task.get_num_enqueued_tasks("first") == 0
    assert Task.get_num_enqueued_tasks() == 1
    assert (task.get_progress() is None) == (not allowed and old is not Status.QUEUED)


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ({"queue_name": "defualt"}, NotFoundError, "Did you mean 'default'"),
        ({"queue_name": "a", "queue_id": "a"}, UsageError, "not by both"),
        ({"queue_name": 3}, UsageError, "by its name"),
        ({"queue_id": "/"}, UsageError, "cannot be used"),
    ],
)
def test_a_wrong_queue_is_one_sentence(
    task: Task, given: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        Task.enqueue(task, **given)
    with pytest.raises(error, match=sentence):
        Task.enqueue(task, force=True, **given)
    with pytest.raises(error, match=sentence):
        Task.get_num_enqueued_tasks(**given)
    assert task.status == "created"


# the task that a script is


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("mark_completed()", Status.PUBLISHED),
        ("close()", Status.PUBLISHED),
        ("mark_failed(status_message='no')", Status.FAILED),
        ("stopped(status_reason='no')", Status.STOPPED),
    ],
)
def test_a_script_ends_itself(
    scripts: Scripts, store: RedisStore, end: str, status: Status
) -> None:
    ran = scripts.run(
        f"""
        task = Task.init("examples", "a task")
        task.publish_on_completion()
        task.started()
        for refused in (task.publish, task.reset, lambda: task.reset(force=True)):
            try:
                refused()
            except ValueError as error:
                print(error)
        task.{end}
        print(task.status)
        """
    )
    assert ran.status == 0, ran.errors
    assert "publish_on_completion" in ran.lines[0]
    assert "reuse_last_task_id" in ran.lines[1]
    assert ran.lines[3] == status
    (task_id,) = find(store)
    assert store.state(task_id).status is status


def test_on_an_agent_a_verdict_is_recorded_and_the_program_goes_on(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    task_id = begin(store)
    folder = Home(elsewhere_home).run(task_id, 1).create()
    write_beside(folder.spec, {"record": to_plain(store.read(task_id))})
    ran = scripts.run(
        """
        task = Task.init("examples", "a task")
        task.reset()
        task.mark_started()
        task.publish_on_completion()
        task.mark_completed(status_message="good enough")
        print("goes on")
        sys.exit(3)
        """,
        ELSEWHERE_RUN_FOLDER=str(folder.path),
    )
    assert (ran.status, ran.lines) == (3, ["goes on"]), ran.errors
    events: list[Event] = [
        event
        for path in journal_files(folder.journal)
        for event in read_events(path, 0)[0]
        if isinstance(event, (Verdict, PublishAtEnd))
    ]
    assert events[0] == PublishAtEnd(is_wanted=True)
    assert isinstance(events[1], Verdict)
    assert (events[1].status, events[1].message) == (Status.COMPLETED, "good enough")
