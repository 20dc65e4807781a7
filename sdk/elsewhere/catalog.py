"""Tasks as the store has them: made, copied and found, without being this process's own."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from elsewhere.errors import NotFoundError, UsageError, known_choices
from elsewhere.records import Environment, Source, TaskRecord, TaskType
from elsewhere.store.api import TaskFilter

if TYPE_CHECKING:
    from elsewhere.store.redis import RedisStore

__all__ = ["checked_name", "checked_type", "clone", "draft", "find_named", "new_id"]

#: characters that the name of a task or project has at least (seed page, "Task Creation")
_SHORTEST: Final = 3
_LONGEST: Final = 200


def new_id() -> str:
    """32 hex digits."""
    return os.urandom(16).hex()


def checked_name(what: str, name: object) -> str:
    """The name without spaces around it. Raises UsageError."""
    if not isinstance(name, str):
        raise UsageError(f"The name of a {what} must be text, not {name!r:.80}.")
    stripped = name.strip()
    if not _SHORTEST <= len(stripped) <= _LONGEST:
        raise UsageError(
            f"The {what} name {name!r:.80} cannot be used: it has {len(stripped)} characters, and"
            f" {_SHORTEST} to {_LONGEST} are needed."
        )
    if not stripped.isprintable():
        raise UsageError(f"The {what} name {name!r:.80} cannot be used: it has control characters.")
    return stripped


def checked_type(given: object) -> TaskType:
    """None is training. Raises UsageError with the known types."""
    if given is None:
        return TaskType.TRAINING
    try:
        return TaskType(str(given))
    except ValueError as error:
        raise UsageError(
            f"There is no task type {given!r:.80}. {known_choices(str(given), map(str, TaskType))}"
        ) from error


def draft(
    *,
    project: str,
    name: str | None,
    task_type: TaskType,
    packages: tuple[str, ...] | None,
    seed: int | None,
    **source: Any,
) -> TaskRecord:
    """The record of a task that is described by hand; `source` has the fields of a Source.

    Raises UsageError for what cannot be run.
    """
    code = Source(**source)
    if code.entry_point and code.module:
        raise UsageError("A task runs a script or a module, not both: give one of them.")
    if not project:
        raise UsageError("A task needs a project: give project_name, or call Task.init before.")
    what = code.module or code.entry_point.rpartition("/")[2].removesuffix(".py")
    return TaskRecord(
        id=new_id(),
        name=checked_name("task", name or what),
        project=checked_name("project", project),
        type=task_type,
        source=code,
        environment=Environment(packages=packages),
        seed=seed,
    )


def clone(
    store: RedisStore,
    source_id: str,
    *,
    name: str | None = None,
    comment: str | None = None,
    parent: str | None = None,
    project: str | None = None,
    **changes: object,
) -> str:
    """The id of a new draft with the source's code, environment, seed and parameters.

    What the source said and made (scalars, output, artifacts, progress) is not copied. The parent
    is the source's own, or else the source: clones of a clone are siblings.
    """
    source = store.read(source_id)
    record: TaskRecord = replace(
        source,
        id=new_id(),
        name=checked_name("task", f"Clone Of {source.name}"[:_LONGEST] if name is None else name),
        project=source.project if project is None else checked_name("project", project),
        comment=source.comment if comment is None else comment,
        parent=parent or source.parent or source.id,
        created_at=0.0,
        **changes,  # type: ignore[arg-type]
    )
    store.create(record)
    return record.id


def find_named(store: RedisStore, project: str | None, name: str | None) -> str | None:
    """The task with exactly this name that changed last; None where there is none.

    Raises NotFoundError for an unknown project.
    """
    if project is not None and project not in (known := store.projects()):
        raise NotFoundError(f"There is no project {project!r}. {known_choices(project, known)}")
    if name is None or project is not None:
        found = store.find(TaskFilter(project=project or "", name=name or ""), limit=1)
        return found[0] if found else None
    filters = (TaskFilter(project=one, name=name) for one in store.projects())
    newest = [found[0] for one in filters if (found := store.find(one, limit=1))]
    return max(newest, key=lambda task_id: store.state(task_id).updated_at, default=None)
