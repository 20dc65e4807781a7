"""The task that a script was the last time: taken again, gone on with, or left alone."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere.core.choices import ScalarKind, Status
from elsewhere.core.events import Tags
from elsewhere.core.folders import Home, write_beside
from elsewhere.core.notes import read_runner, write_runner
from elsewhere.core.process import ProcessIdentity
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import find

PLAIN = """
task = Task.init("examples", "again", {arguments})
print(task.id)
"""
REPORTS = """
task = Task.init("examples", "again", {arguments})
print(task.id, task.get_initial_iteration())
for step in range({first}, {first} + 3):
    task.get_logger().report_scalar("loss", "train", step, step)
"""


def ran(scripts: Scripts, arguments: str = "", script: str = PLAIN, first: int = 0) -> str:
    """The id of the task that a run of the script is."""
    done = scripts.run(script.format(arguments=arguments, first=first))
    assert done.status == 0, done.errors
    return done.lines[-1].split()[0]


# taken again


def test_a_script_that_runs_again_is_the_same_task_and_prints_that(
    scripts: Scripts, store: RedisStore
) -> None:
    task_id = ran(scripts, "tags=['mine']", REPORTS)
    before = store.read(task_id)
    store.edit(task_id, Tags(added=("of people",)))
    again = scripts.run(PLAIN.format(arguments="task_type='training'"))
    assert again.lines == [task_id]
    assert "is overwritten" in again.errors
    assert "(reuse_last_task_id=False keeps it)" in again.errors
    assert find(store) == [task_id]
    state, record = store.state(task_id), store.read(task_id)
    assert (state.status, state.attempt) == (Status.COMPLETED, 2)
    assert {one.kind for one in store.series(task_id)} <= {ScalarKind.RESOURCE}
    assert record.tags == ("mine", "of people")
    assert record.created_at > before.created_at


def test_parameters_and_configurations_of_the_last_time_are_gone(
    scripts: Scripts, store: RedisStore
) -> None:
    script = """
    task = Task.init("examples", "again")
    task.set_parameters({"General/old" if len(sys.argv) < 2 else "General/new": 1})
    task.set_user_properties(mine=1)
    print(task.id)
    """
    first = scripts.run(script)
    assert first.status == 0, first.errors
    task_id = first.lines[0]
    scripts.run(PLAIN.format(arguments=""))
    record = store.read(task_id)
    assert record.parameters == {}
    assert record.properties == {}


@pytest.mark.parametrize("arguments", ["reuse_last_task_id=False", "task_type='testing'"])
def test_another_task_is_made_where_it_is_wanted(scripts: Scripts, arguments: str) -> None:
    assert ran(scripts) != ran(scripts, arguments)


def test_a_task_of_another_store_is_not_taken(
    scripts: Scripts, store: RedisStore, redis_url: str
) -> None:
    first = ran(scripts)
    store.redis.flushdb()
    assert ran(scripts) != first


def test_a_task_that_ran_too_long_ago_is_left_alone(scripts: Scripts, elsewhere_home: Path) -> None:
    first = ran(scripts)
    (memory,) = Home(elsewhere_home).last.iterdir()
    written = json.loads(memory.read_text())
    memory.write_text(json.dumps({**written, "at": time.time() - 73 * 3600}))
    assert ran(scripts) != first


def test_the_time_can_be_set(scripts: Scripts) -> None:
    first = ran(scripts)
    done = scripts.run(PLAIN.format(arguments=""), ELSEWHERE_REUSE_WITHIN_H="0.000001")
    assert done.lines != [first]


@pytest.mark.parametrize(
    "script",
    [
        "task.upload_artifact('a', [1])",
        "task.update_output_model('weights.pt', auto_delete_file=False)",
        "task.set_name('another name')",
        "task.set_archived(True)",
    ],
)
def test_a_task_that_somebody_may_need_is_left_alone(scripts: Scripts, script: str) -> None:
    (scripts.folder / "weights.pt").write_bytes(b"weights")
    first = ran(scripts, script=PLAIN + script + "\n")
    assert ran(scripts) != first


def test_a_published_task_is_left_alone(scripts: Scripts, store: RedisStore) -> None:
    first = ran(scripts)
    store.move(first, Status.PUBLISHED, allowed=(Status.COMPLETED,))
    assert ran(scripts) != first


def test_a_task_that_was_enqueued_is_left_alone(scripts: Scripts, store: RedisStore) -> None:
    first = ran(scripts)
    store.move(first, Status.STOPPED, allowed=())
    Queues(store).enqueue(first, "default")
    Queues(store).dequeue(first)
    assert ran(scripts) != first


def test_a_task_that_still_runs_is_left_alone(scripts: Scripts, store: RedisStore) -> None:
    first = ran(scripts)
    store.move(first, Status.IN_PROGRESS, allowed=())
    assert ran(scripts) != first


def test_a_task_of_the_same_process_is_not_taken_again(scripts: Scripts, store: RedisStore) -> None:
    done = scripts.run(
        """
        for number in range(3):
            task = Task.init("examples", "again")
            print(task.id)
            task.close()
        """
    )
    assert done.status == 0, done.errors
    assert len(set(done.lines)) == 3
    assert ran(scripts) == done.lines[-1]


def test_a_deleted_task_is_not_missed(scripts: Scripts, store: RedisStore) -> None:
    store.delete(first := ran(scripts))
    assert ran(scripts) != first


def test_a_task_can_be_named(scripts: Scripts, store: RedisStore) -> None:
    first = ran(scripts)
    second = ran(scripts, "reuse_last_task_id=False")
    assert ran(scripts, f"reuse_last_task_id={first!r}") == first
    store.edit(second, Tags(added=("archived",), are_system=True))
    named = scripts.run(PLAIN.format(arguments=f"reuse_last_task_id={second!r}"))
    assert named.lines != [second]
    assert f"Task {second} is not reused, since it is archived" in named.errors


def test_an_unknown_id_is_an_error(scripts: Scripts) -> None:
    done = scripts.run(PLAIN.format(arguments="reuse_last_task_id='feed'"))
    assert done.status == 1
    assert done.last_error.endswith("There is no task with the id 'feed' in the store.")


# gone on with


def test_a_continued_task_keeps_its_reports_and_counts_on(
    scripts: Scripts, store: RedisStore
) -> None:
    first = ran(scripts, script=REPORTS + "task.upload_artifact('a', [1])\n")
    assert ran(scripts, "continue_last_task=True", REPORTS) == first
    assert iterations(store, first) == [0, 1, 2, 3, 4, 5]
    assert list(store.artifacts(first)) == ["a"]
    assert (store.state(first).attempt, store.state(first).status) == (2, Status.COMPLETED)
    assert len(store.attempts(first)) == 2


def test_a_script_that_counts_on_by_itself_is_not_shifted(
    scripts: Scripts, store: RedisStore
) -> None:
    first = ran(scripts, script=REPORTS)
    assert ran(scripts, "continue_last_task=True", REPORTS, first=3) == first
    assert iterations(store, first) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("number", "expected"), [(0, [0, 1, 2]), (100, [100, 101, 102])])
def test_the_offset_can_be_given(
    scripts: Scripts, store: RedisStore, number: int, expected: list[int]
) -> None:
    first = ran(scripts, script=REPORTS)
    second = ran(scripts, f"continue_last_task={number}, reuse_last_task_id={first!r}", REPORTS)
    assert second == first
    assert iterations(store, first) == [0, 1, 2, *expected]


def test_a_task_is_continued_by_its_id(scripts: Scripts, store: RedisStore) -> None:
    first = ran(scripts, script=REPORTS)
    ran(scripts, "reuse_last_task_id=False", REPORTS)
    assert ran(scripts, f"continue_last_task={first!r}", REPORTS) == first
    assert iterations(store, first) == [0, 1, 2, 3, 4, 5]


def test_single_values_of_a_continued_task_stay_where_they_are(
    scripts: Scripts, store: RedisStore
) -> None:
    report = "task.get_logger().report_single_value('score', 1)\n"
    first = ran(scripts, script=REPORTS + report)
    ran(scripts, "continue_last_task=True", REPORTS + report)
    assert [at for at, _, _ in store.points(first, "Summary", "score")] == [-(2**31)] * 2


def test_a_task_that_runs_cannot_be_continued(scripts: Scripts, store: RedisStore) -> None:
    first = ran(scripts)
    store.move(first, Status.IN_PROGRESS, allowed=())
    done = scripts.run(PLAIN.format(arguments="continue_last_task=True"))
    assert done.status == 1
    assert f"Task {first} cannot be continued: it is in_progress." in done.last_error


def test_a_task_that_another_script_just_begins_is_left_to_it(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    first = ran(scripts)
    folder = Home(elsewhere_home).session(first, 2).create()
    write_runner(folder)
    assert ran(scripts) != first
    done = scripts.run(PLAIN.format(arguments=f"continue_last_task={first!r}"))
    assert f"Task {first} cannot be started: another script is starting it." in done.last_error
    assert read_runner(folder) == ProcessIdentity.of()
    assert store.state(first).attempt == 1


def test_a_script_that_was_killed_while_it_began_does_not_keep_its_task(
    scripts: Scripts, elsewhere_home: Path
) -> None:
    first = ran(scripts)
    folder = Home(elsewhere_home).session(first, 2).create()
    write_beside(folder.runner, replace(ProcessIdentity.of(), started="1"))
    assert ran(scripts) == first


def test_without_an_earlier_task_there_is_a_new_one(scripts: Scripts) -> None:
    assert ran(scripts, "continue_last_task=True")


@pytest.mark.parametrize(
    "arguments",
    ["reuse_last_task_id=3", "continue_last_task=1.5", "continue_last_task=None"],
)
def test_what_is_no_id_and_no_number_is_refused(scripts: Scripts, arguments: str) -> None:
    done = scripts.run(PLAIN.format(arguments=arguments))
    assert done.status == 1
    assert "it takes True, False or" in done.last_error


def iterations(store: RedisStore, task_id: str) -> list[int]:
    return [at for at, _, _ in store.points(task_id, "loss", "train")]
