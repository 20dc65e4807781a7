"""The function that RQ jobs of ours name. An agent reads the job and never calls it."""

from __future__ import annotations


def launch(task_id: str) -> None:
    """Fails in a plain RQ worker, which takes jobs from our queues but cannot run tasks."""
    raise RuntimeError(
        f"Task {task_id} was taken by a plain RQ worker, which cannot run it. It will be pushed"
        " again; stop that worker and start `agent daemon` for this queue."
    )
