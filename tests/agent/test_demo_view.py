"""What the demo shows of a task whose first attempt ran on the laptop."""

from __future__ import annotations

import io

from rich.console import Console

from elsewhere.core.choices import Status
from elsewhere_agent.demo.view import _View
from tests.sdk.command.tasks import open_tasks


def test_the_output_of_the_box_is_shown_from_its_beginning(redis_url: str) -> None:
    printed = io.StringIO()
    with open_tasks(redis_url) as tasks:
        task_id = tasks.running()
        view = _View(tasks.store, task_id, Console(file=printed, width=80))
        tasks.prints(task_id, b"said on the laptop\n")
        tasks.store.move(task_id, Status.CREATED, allowed=[Status.IN_PROGRESS])
        tasks.queues.enqueue(task_id, "default")
        view.look(tasks.store.state(task_id))
        tasks.begin(task_id)
        tasks.prints(task_id, b"first line of the box\n")
        view.look(tasks.store.state(task_id))
        tasks.prints(task_id, b"second line\n")
        view.look(tasks.store.state(task_id))
    shown = [line.strip() for line in printed.getvalue().splitlines()]
    assert shown == ["│ first line of the box", "│ second line"]
