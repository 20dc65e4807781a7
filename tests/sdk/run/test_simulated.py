"""A task that is run by hand, in the script itself, as an agent would run it."""

from __future__ import annotations

import pytest

from elsewhere.core.choices import Status
from elsewhere.core.records import Parameter
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import begin, make_record

SCRIPT = """
Task.debug_simulate_remote_task({task_id!r}{more})
task = Task.init("other names", "are not looked at")
config = task.connect({{"lr": 0.1, "depth": 2}})
print(task.id, task.name, config["lr"], config["depth"], Task.running_locally())
print(task.execute_remotely("nowhere"))
task.get_logger().report_scalar("loss", "train", 1, 1)
"""


def test_its_values_override_those_of_the_script(scripts: Scripts, store: RedisStore) -> None:
    record = make_record(name="edited", parameters={"General/lr": Parameter(value=0.7)})
    store.create(record)
    ran = scripts.run(SCRIPT.format(task_id=record.id, more=""))
    assert ran.status == 0, ran.errors
    assert ran.lines == [f"{record.id} edited 0.7 2 True", "None"]
    assert "as if by an agent" in ran.errors
    state = store.state(record.id)
    assert (state.status, state.attempt) == (Status.COMPLETED, 1)
    assert [one.title for one in store.series(record.id) if one.title[0] != ":"] == ["loss"]
    assert b"edited 0.7" in store.output(record.id).data


def test_it_can_be_reset_before(scripts: Scripts, store: RedisStore) -> None:
    record = make_record()
    store.create(record)
    for more in ("", ", reset_task=True"):
        ran = scripts.run(SCRIPT.format(task_id=record.id, more=more))
        assert ran.status == 0, ran.errors
    assert store.state(record.id).attempt == 2
    assert len(store.points(record.id, "loss", "train")) == 1


def test_a_task_that_runs_is_not_taken(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(SCRIPT.format(task_id=begin(store), more=""))
    assert ran.status == 1
    assert "cannot be started: it is in_progress" in ran.last_error


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("Task.debug_simulate_remote_task('feed')", "There is no task with the id 'feed'"),
        (
            "task = Task.init('examples', 'open')\nTask.debug_simulate_remote_task(task.id)",
            "debug_simulate_remote_task comes before Task.init",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused(scripts: Scripts, script: str, sentence: str) -> None:
    ran = scripts.run(script)
    assert ran.status == 1
    assert sentence in ran.errors
