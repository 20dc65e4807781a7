"""`elsewhere list` of many tasks, of which some cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from elsewhere.command.main import main
from elsewhere.store.redis import keys
from tests.sdk.command.tasks import Tasks, open_tasks


@pytest.fixture
def tasks(redis_url: str) -> Iterator[Tasks]:
    with open_tasks(redis_url) as tasks:
        yield tasks


def test_many_take_few_round_trips(tasks: Tasks, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = {tasks.create() for _ in range(300)}
    before = reads(tasks)
    assert main(["list", "--limit", "0", "--json"]) == 0
    assert reads(tasks) - before < 100, "long requests are read in pieces"
    assert {task["id"] for task in json.loads(capsys.readouterr().out)} == wanted


def reads(tasks: Tasks) -> int:
    return int(tasks.store.redis.info("stats")["total_reads_processed"])


DAMAGES: dict[str, Callable[[Tasks, keys.TaskKeys], object]] = {
    "a newer status": lambda tasks, task: tasks.store.redis.hset(task.state, "status", "paused"),
    "no status": lambda tasks, task: tasks.store.redis.hdel(task.state, "status"),
    "no number": lambda tasks, task: tasks.store.redis.hset(task.state, "attempt", b"\xff"),
    "a newer type": lambda tasks, task: tasks.store.redis.hset(task.record, "type", '"dreaming"'),
    "no JSON": lambda tasks, task: tasks.store.redis.hset(task.record, "source", b"\xff"),
    "a text": lambda tasks, task: tasks.store.redis.set(task.state, "x"),
}


@pytest.mark.parametrize("words", [(), ("--json",)])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_one_that_cannot_be_read_is_named_and_the_others_are_listed(
    tasks: Tasks,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Tasks, keys.TaskKeys], object],
    words: tuple[str, ...],
) -> None:
    bad, good = tasks.create(), tasks.create()
    damage(tasks, keys.TaskKeys(bad))
    assert main(["list", *words]) == 0
    printed = capsys.readouterr()
    assert good[:8] in printed.out
    assert bad[:8] not in printed.out
    assert printed.err.startswith("elsewhere: A task is left out. The ")
    assert f"of task {bad} cannot be read: " in printed.err
    assert printed.err.count("\n") == 1
    assert main(["show", bad]) == 1
    assert bad in capsys.readouterr().err
