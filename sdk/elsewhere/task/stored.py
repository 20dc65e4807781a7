"""The tasks of the store, copied and found."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from elsewhere.core.checks import checked_text, checked_texts
from elsewhere.core.errors import NotFoundError, known_choices
from elsewhere.core.events import ModelUsed
from elsewhere.core.names import checked_name, name_of_clone, new_id
from elsewhere.core.process import user_name
from elsewhere.core.records import TaskRecord
from elsewhere.store import filters
from elsewhere.store.refusals import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from elsewhere.core.events import Event
    from elsewhere.core.records import Parameter
    from elsewhere.store.api import SharedStore, TaskStore

logger = logging.getLogger(__name__)


def checked_fields(given: object) -> list[str]:
    """The names of fields, given as a list of texts or as one text. Raises UsageError."""
    return [] if given is None else checked_texts("additional_return_fields", given)


def clone(
    store: TaskStore,
    source_id: str,
    *,
    name: str | None = None,
    comment: str | None = None,
    parent: str | None = None,
    project: str | None = None,
    overrides: Mapping[str, Parameter] | None = None,
    **changes: object,
) -> str:
    """Makes a draft with all that the source was given, its tags and labels; returns its id.

    The `overrides` are merged over the source's parameters; `changes` are fields of its record. The
    source's reports and results (scalars, output, artifacts, progress) are not copied, nor whether
    it is archived. `parent` is by default the source's own, or else the source: clones of a clone
    are siblings. Nobody sees the draft without its changes. Raises NotFoundError for an unknown
    source or parent, and UsageError for a wrong name or comment.
    """
    source = store.read(source_id)
    if parent:
        store.state(parent)
    record: TaskRecord = replace(
        source,
        id=new_id(),
        name=checked_name("task", name_of_clone(source) if name is None else name),
        project=source.project if project is None else checked_name("project", project),
        comment=source.comment if comment is None else checked_text("A comment", comment),
        parent=parent or source.parent or source.id,
        parameters={**source.parameters, **(overrides or {})},
        user=user_name(),
        continues_at=None,
        created_at=0.0,
        **changes,  # type: ignore[arg-type]
    )
    store.create(record, *models_used(store, source_id))
    return record.id


def models_used(store: TaskStore, task_id: str) -> list[Event]:
    """The models that the task begins from, as events for a copy of it."""
    return [ModelUsed(use=use) for use in store.task_models(task_id) if not use.is_output]


def find_named(
    store: SharedStore, project: str | None, name: str | None, **narrower: Any
) -> str | None:
    """The id of the last changed task with exactly this name, an archived one only if there is no
    other; None if there is none. `narrower`: tags, allow_archived and task_filter. Raises
    NotFoundError for an unknown project, and UsageError."""
    if name is not None:
        checked_text("task_name", name)
    if project is not None and project not in (known := store.projects()):
        raise NotFoundError(
            f"There is no project {project!r}. {known_choices(str(project), known)}"
        )
    given = {"project_name": project, "exact_name": name or "", **narrower}
    takes = (False, True) if given.get("allow_archived", True) else (False,)
    for is_archived_taken in takes:
        wanted = filters.parse(**{**given, "allow_archived": is_archived_taken})
        found = list(islice(store.search(wanted), 2))
        if name and len(found) > 1:
            logger.warning("Several tasks are called %r: this is the one that changed last.", name)
        if found:
            return found[0]
    return None


def search(store: SharedStore, **arguments: Any) -> Iterator[str]:
    """The ids of all tasks that match `filters.parse`; an unknown project is a warning."""
    wanted = filters.parse(**arguments)
    given = arguments.get("project_name")
    if given is not None:
        known = store.projects()
        for name in sorted({given} if isinstance(given, str) else set(given)):
            if name not in known:
                logger.warning("There is no project %r. %s", name, known_choices(name, known))
    return store.search(wanted)


def existing(store: SharedStore, task_ids: object) -> list[str]:
    """The ids `task_ids`, in their order. Raises NotFoundError for the first one without a task."""
    ids = checked_texts("task_ids", task_ids)
    there = {row["id"] for row in store.look_up(ids, ())}
    for task_id in ids:
        if task_id not in there:
            raise unknown(task_id)
    return list(ids)
