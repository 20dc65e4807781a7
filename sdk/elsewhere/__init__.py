"""Elsewhere: run your code elsewhere.

    from elsewhere import Task

    task = Task.init(project_name="examples", task_name="train")
    task.execute_remotely("default")

The same code, with its uncommitted changes, its packages and its seed, then runs where an
`agent daemon --queue default` waits, and everything that it reports comes back while it runs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core import (
    at_exit,  # noqa: F401 - it registers its function now
    current_task,
)
from elsewhere.hooks import registry
from elsewhere.task.task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.artifacts.storage_manager import StorageManager
    from elsewhere.connect.task_parameters import TaskParameters, param, percent_param
    from elsewhere.core.records import Configuration, Parameter
    from elsewhere.hooks.launch import Role
    from elsewhere.models import InputModel, Model, OutputModel, WeightsFileHandler
    from elsewhere.report.logger import Logger

__all__ = [
    "InputModel",
    "Logger",
    "Model",
    "OutputModel",
    "StorageManager",
    "Task",
    "TaskParameters",
    "WeightsFileHandler",
    "param",
    "percent_param",
]

#: public names, and their modules, which are imported at the first use for their weight
_LATER: Final = {
    "InputModel": "elsewhere.models",
    "Logger": "elsewhere.report.logger",
    "Model": "elsewhere.models",
    "OutputModel": "elsewhere.models",
    "StorageManager": "elsewhere.artifacts.storage_manager",
    "TaskParameters": "elsewhere.connect.task_parameters",
    "WeightsFileHandler": "elsewhere.models",
    "param": "elsewhere.connect.task_parameters",
    "percent_param": "elsewhere.connect.task_parameters",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - weight

    return getattr(import_module(_LATER[name]), name)


def _overrides() -> Mapping[str, Parameter] | None:
    from elsewhere.run import membership  # noqa: PLC0415 - weight

    return membership.overrides()


def _configurations() -> Mapping[str, Configuration] | None:
    from elsewhere.run import membership  # noqa: PLC0415 - weight

    return membership.configurations()


def _role() -> Role:
    from elsewhere.run import membership  # noqa: PLC0415 - weight

    return membership.role()


def _end_task(error: Exception | None) -> None:
    task = Task.current_task()
    if task is None:
        return
    if error is None:
        task.close()
    else:
        task.mark_failed(status_message=f"{type(error).__name__}: {error}"[:1000])


def _watch_launch() -> None:
    """In a rank of a launch that somebody started here: it ends when the launch goes elsewhere,
    also where the program calls `Task.init` in rank 0 alone."""
    if (
        "RANK" in os.environ
        and not {"ELSEWHERE_RUN_FOLDER", "ELSEWHERE_LEADER"} & os.environ.keys()
    ):
        from elsewhere.run import ranks  # noqa: PLC0415 - weight

        ranks.watch()


_watch_launch()
registry.watch(_overrides, _configurations, _end_task, _role)
current_task.register(Task.current_task)
