"""Elsewhere: run your code elsewhere.

    from elsewhere import Task

    task = Task.init(project_name="examples", task_name="train")
    task.execute_remotely("default")

The same code, with its uncommitted changes, its packages and its seed, then runs where an
`agent daemon --queue default` waits, and everything that it says comes back while it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.hooks import argparse
from elsewhere.logger import Logger
from elsewhere.task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.records import Parameter

__all__ = ["Logger", "Task"]


def _pending_overrides() -> Mapping[str, Parameter] | None:
    from elsewhere import lifecycle  # noqa: PLC0415 - weight

    return lifecycle.pending_overrides()


argparse.watch(_pending_overrides)
