"""Tasks of the commit before on an agent of today: what waited for it, what it had begun before it
died, and copies of what ran."""

from __future__ import annotations

import pytest
import redis

from elsewhere import Task
from elsewhere.store.redis.keys import blob
from tests.compatibility import reading
from tests.compatibility.conftest import Kept
from tests.e2e.world import Box
from tests.waiting import wait_until


def box_log(box: Box) -> str:
    return "".join(path.read_text() for path in box.home.glob("agents/*/agent.log"))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("waits", "here with what lies beside {'rate': 0.5, 'steps': 2}"),
        ("is taken", "here with what lies beside {'rate': 0.5, 'steps': 2}"),
        ("reboots", "again"),
    ],
    ids=["it waited", "it was taken and not begun", "its machine lost its power"],
)
def test_what_was_in_the_queue_or_is_put_back_is_run(
    on_box: Kept, box: Box, name: str, line: str
) -> None:
    ended = box.end(on_box.task(name))
    assert f"\n{line}\n" in ended.output, ended
    assert "is not a launch" not in box_log(box), "an entry was refused"
    with redis.Redis.from_url(on_box.url) as client:
        # The reaper may have pushed the task as well: its second entry is refused a bit later.
        wait_until(lambda: client.keys("ew:taken:*") == [], what="no entry is left")
    made = reading.lasting(reading.task(on_box.id(name)), reading.RUN)
    assert made["artifacts"].pop("run-manifest"), "which older agents did not leave"
    if not made["artifacts"]:
        del made["artifacts"]
    assert made == on_box.expected["afterwards"][name]


def test_a_run_that_outlived_its_agent_is_brought_to_its_end(on_box: Kept, box: Box) -> None:
    ended = box.end(on_box.task("outlives"))
    assert ended.output.endswith("\nafter its death\n[elsewhere] ended: completed\n")
    made = reading.lasting(reading.task(on_box.id("outlives")))
    assert made == on_box.expected["afterwards"]["outlives"]
    assert (on_box.home / "runs" / f"{on_box.id('outlives')}.2" / "acked").exists()


def test_a_killed_script_is_delivered_by_the_agent(on_box: Kept, box: Box) -> None:
    box.end(on_box.task("killed"))
    made = reading.lasting(reading.task(on_box.id("killed")))
    assert made == on_box.expected["afterwards"]["killed"]
    wait_until(lambda: not list((on_box.home / "sessions").iterdir()), what="its folder has gone")


def test_the_agent_has_looked_at_the_tasks_and_keeps_their_code(on_box: Kept, box: Box) -> None:
    (digest, *_) = on_box.task("ran on an agent").access.record.digests
    with redis.Redis.from_url(on_box.url) as client:
        wait_until(lambda: client.ttl(blob(digest)) == -1, what="it has no limit of time")


def test_a_clone_runs_with_another_value(on_box: Kept, box: Box) -> None:
    clone = Task.clone(on_box.task("ran on an agent"), name="a clone")
    clone.set_parameter("General/rate", 0.25)
    ended = box.run(clone)
    assert ended.status == "completed", ended
    assert "here with what lies beside {'rate': 0.25, 'steps': 2}" in ended.output
    curve = clone.get_reported_scalars()["loss"]["train"]
    assert (curve["x"], curve["y"]) == ([0, 1], [0.25, 0.125])
    assert clone.artifacts["result"].get() == {"rate": 0.25}


def test_a_function_task_runs(on_box: Kept, box: Box) -> None:
    draft = on_box.task("function")
    draft.set_parameter("Function/name", "changed")
    ended = box.run(draft)
    assert ended.status == "completed", ended
    assert "\ntrain 0.1 (1, 2) changed\n" in ended.output


def test_a_task_that_ran_is_reset_and_runs_again(on_box: Kept, box: Box) -> None:
    task = on_box.task("fails")
    task.reset()
    ended = box.run(task)
    assert ended.status == "failed", ended
    assert "ValueError: my reason" in ended.output
    numbers = [one["number"] for one in reading.task(task.id)["shown"]["attempts"]]
    assert numbers[-1] == 2
