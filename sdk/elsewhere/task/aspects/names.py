"""A task's names, tags, and other labels that no run reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.core.checks import checked_flag, checked_text
from elsewhere.core.choices import ARCHIVED, SYSTEM_TAGS
from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.names import checked_name, checked_tags, checked_type
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from elsewhere.core.choices import TaskType
    from elsewhere.core.records import Json


class NamesAspect(Handle):
    """Labels can be changed at any time, whatever the status, also by a task's own program."""

    # names

    @property
    def name(self) -> str:
        """The task's name, for people: other tasks may have the same one, and the id alone is
        unique. Raises UsageError when it is set to anything but 3 to 200 characters."""
        return self.access.record.name

    @name.setter
    def name(self, name: str) -> None:
        self.set_name(name)

    def set_name(self, name: str) -> None:
        """Names the task `name`. Raises UsageError for anything but 3 to 200 characters."""
        self._edit(name=checked_name("task", name))

    def rename(self, new_name: str) -> bool:
        """Renames the task to `new_name`; returns True. Raises UsageError, as `set_name` does."""
        self.set_name(new_name)
        return True

    @property
    def project(self) -> str:
        """The name of the task's project, which is also its id."""
        return self.access.record.project

    def get_project_name(self) -> str:
        """The name of the task's project."""
        return self.access.record.project

    def set_project(self, project_id: str | None = None, project_name: str | None = None) -> bool:
        """Moves the task to the project `project_id` or `project_name`, which are the same here,
        and makes it if it is not there; returns True. Raises UsageError."""
        if (project_id is None) == (project_name is None):
            raise UsageError("A task is moved to one project: give its id or its name, not both.")
        name = project_name if project_id is None else project_id
        self._edit(project=checked_name("project", name))
        return True

    def move_to_project(
        self, new_project_id: str | None = None, new_project_name: str | None = None
    ) -> bool:
        """Moves the task to the project `new_project_id` or `new_project_name`; returns True.
        Raises UsageError, as `set_project` does."""
        return self.set_project(new_project_id, new_project_name)

    @property
    def comment(self) -> str:
        """The text that somebody has written about the task. Raises UsageError for another
        value."""
        return self.access.record.comment

    @comment.setter
    def comment(self, comment: str) -> None:
        self.set_comment(comment)

    def set_comment(self, comment: str) -> None:
        """Sets the comment to the text `comment`. Raises UsageError for anything else."""
        self._edit(comment=checked_text("A comment", comment))

    @property
    def parent(self) -> str | None:
        """The id of the task that this one was made from, or None."""
        return self.access.record.parent or None

    def set_parent(self, parent: Handle | str | None) -> None:
        """Sets the parent to `parent`, a task or its id, or None for none. Raises UsageError for
        anything else and for the task itself, and NotFoundError for an unknown id."""
        parent_id: object = parent.id if isinstance(parent, Handle) else parent
        if parent_id is not None:
            if not isinstance(parent_id, str) or not parent_id:
                raise UsageError(f"A parent is a task, its id or None, not {parent!r:.80}.")
            if parent_id == self.id:
                raise UsageError(f"Task {self.id} cannot be its own parent.")
            self.access.store.state(parent_id)
        self._edit(parent=parent_id or "")

    @property
    def task_type(self) -> TaskType:
        """The type, one of `Task.TaskTypes`: a label for people and queries."""
        return self.access.record.type

    def set_task_type(self, task_type: TaskType | str) -> None:
        """Sets the type to `task_type`, one of `Task.TaskTypes`. Raises UsageError for others."""
        if task_type is None:
            raise UsageError("A task has a type: give one of Task.TaskTypes.")
        self._edit(type=str(checked_type(task_type)))

    # tags

    def get_tags(self) -> list[str]:
        """The tags, sorted."""
        return list(self.access.record.tags)

    def set_tags(self, tags: str | Iterable[str]) -> None:
        """Replaces all tags by `tags`, given as for `add_tags`. Raises UsageError for others."""
        new = checked_tags(tags)
        self._tag(new, removed=set(self.get_tags()) - set(new))

    def add_tags(self, tags: str | Iterable[str]) -> None:
        """Adds `tags`: a list, or one text with spaces between them. Raises UsageError for anything
        else, and NotFoundError for a deleted task."""
        self._tag(checked_tags(tags))

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Removes those of `tags`, given as for `add_tags`, that are there. Raises UsageError."""
        self._tag((), removed=checked_tags(tags))

    def get_system_tags(self) -> list[str]:
        """The tags that Elsewhere itself knows: `archived`, or none."""
        from elsewhere.core.events import Tags  # noqa: PLC0415

        self.reload()
        return list(self.access.store.kept(self.id, Tags)["system_tags"])

    def set_system_tags(self, tags: str | Iterable[str]) -> None:
        """Replaces the system tags by `tags`; only `archived` is known. Raises UsageError."""
        new = checked_tags(tags)
        for tag in new:
            if tag not in SYSTEM_TAGS:
                raise UsageError(
                    f"There is no system tag {tag!r}. {known_choices(tag, SYSTEM_TAGS)}"
                )
        self._tag(new, removed=set(SYSTEM_TAGS) - set(new), are_system=True)

    def get_archived(self) -> bool:
        """Whether the task is archived."""
        return ARCHIVED in self.get_system_tags()

    def set_archived(self, archive: bool) -> None:
        """Archives the task, or takes it back if `archive` is False. Searches list archived tasks
        after all others, or leave them out if asked to. Raises UsageError for others."""
        self.set_system_tags([ARCHIVED] if checked_flag("archive", archive) else [])

    def archive(self) -> None:
        """Archives the task, as `set_archived(True)` does."""
        self.set_archived(True)

    def unarchive(self) -> None:
        """Takes the task back from the archive, as `set_archived(False)` does."""
        self.set_archived(False)

    # places

    @property
    def output_uri(self) -> str:
        """The place of the task's artifacts and models; empty if each upload chooses it."""
        return self.access.record.output_uri

    @property
    def cache_dir(self) -> Path:
        """The folder where this machine keeps local copies."""
        from elsewhere.core.settings import load  # noqa: PLC0415

        return load().home.cache

    def _edit(self, **fields: Json) -> None:
        from elsewhere.core.events import Edited  # noqa: PLC0415

        self.access.record_event(Edited(fields=fields))

    def _tag(
        self, added: Iterable[str], *, removed: Iterable[str] = (), are_system: bool = False
    ) -> None:
        from elsewhere.core.events import Tags  # noqa: PLC0415

        gone = tuple(sorted(removed))
        self.access.record_event(Tags(added=tuple(added), removed=gone, are_system=are_system))
