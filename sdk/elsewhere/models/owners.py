"""The task that a model belongs to, and where its weights go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts import DEFAULT_PLACE
from elsewhere.core.choices import Status
from elsewhere.core.current_task import current_task
from elsewhere.core.errors import UsageError
from elsewhere.core.notes import SessionSpec
from elsewhere.core.settings import load
from elsewhere.report.task_access import TaskAccess

if TYPE_CHECKING:
    from elsewhere.store.api import TaskStore

#: statuses of tasks that may still make models
UNPUBLISHED: Final = frozenset(set(Status) - {Status.PUBLISHED})


def owner_of(task: object, what: str) -> TaskAccess[Any]:
    """The access of `task`, an object of Task, or None for the task that this process is.

    Raises UsageError, naming the call `what`, for another value, and for None without a task.
    """
    handle = current_task() if task is None else task
    if handle is None:
        raise UsageError(f"{what} needs a task: call Task.init before, or give it one.")
    access = getattr(handle, "access", None)
    if not isinstance(access, TaskAccess):
        raise UsageError(
            f"{what} takes a task, as Task.init or Task.get_task give it, not {handle!r:.80}."
        )
    return access


def place_for(owner: TaskAccess[Any]) -> str:
    """The URL or folder that the task's models go to; empty if only the agent knows it."""
    uri = owner.known_record.output_uri
    if uri not in ("", DEFAULT_PLACE):
        return uri
    run = owner.run
    if run is not None and run.is_remote:
        spec = SessionSpec.read(run.folder)
        return spec.output_uri if spec is not None else ""
    settings = run.settings if run is not None else load()
    return settings.output_uri or str(settings.home.storage)


def store_here() -> TaskStore:
    """The store, once it has all that this process has reported of its own task."""
    task = current_task()
    if task is not None:
        store: TaskStore = task.access.settled_store
        return store
    from elsewhere.store import usable_store  # noqa: PLC0415 - weight

    return usable_store(load())
