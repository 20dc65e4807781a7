"""What a task is called: names, tags, and other labels that no run reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.core.errors import UsageError, known_choices
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from elsewhere.core.choices import TaskType
    from elsewhere.core.records import Json

__all__ = ["NamesAspect"]


class NamesAspect(Handle):
    """All of this can be changed at any time, whatever the status; by a task's own program too.

    Every method raises UsageError for what cannot be.
    """

    # names

    @property
    def name(self) -> str:
        """What people call it; its id alone is its own."""
        return self.access.record.name

    @name.setter
    def name(self, name: str) -> None:
        self.set_name(name)

    def set_name(self, name: str) -> None:
        """3 to 200 characters. Other tasks may have the same name."""
        from elsewhere.core import names  # noqa: PLC0415

        self._edit(name=names.checked_name("task", name))

    def rename(self, new_name: str) -> bool:
        """The same; True."""
        self.set_name(new_name)
        return True

    @property
    def project(self) -> str:
        """A project's id is its name."""
        return self.access.record.project

    def get_project_name(self) -> str:
        """The project that it is in."""
        return self.access.record.project

    def set_project(self, project_id: str | None = None, project_name: str | None = None) -> bool:
        """Moves it to a project, by its id or its name, which are the same here; a project that is
        not there is made. True."""
        from elsewhere.core import names  # noqa: PLC0415

        if (project_id is None) == (project_name is None):
            raise UsageError("A task is moved to one project: give its id or its name, not both.")
        name = project_name if project_id is None else project_id
        self._edit(project=names.checked_name("project", name))
        return True

    def move_to_project(
        self, new_project_id: str | None = None, new_project_name: str | None = None
    ) -> bool:
        """The same as `set_project`."""
        return self.set_project(new_project_id, new_project_name)

    @property
    def comment(self) -> str:
        """What somebody has written about it."""
        return self.access.record.comment

    @comment.setter
    def comment(self, comment: str) -> None:
        self.set_comment(comment)

    def set_comment(self, comment: str) -> None:
        """Any text: what the task is about."""
        if not isinstance(comment, str):
            raise UsageError(f"A comment must be text, not {comment!r:.80}.")
        self._edit(comment=comment)

    @property
    def parent(self) -> str | None:
        """The id of the task that this one was made from."""
        return self.access.record.parent or None

    def set_parent(self, parent: Handle | str | None) -> None:
        """A task or its id; None for none. Raises NotFoundError for an unknown id."""
        parent_id = parent.id if isinstance(parent, Handle) else parent
        if parent_id is not None:
            if not _is_id(parent_id):
                raise UsageError(f"A parent is a task, its id or None, not {parent!r:.80}.")
            if parent_id == self.id:
                raise UsageError(f"Task {self.id} cannot be its own parent.")
            self.access.store.state(parent_id)
        self._edit(parent=parent_id or "")

    @property
    def task_type(self) -> TaskType:
        """One of `Task.TaskTypes`; a label for people and queries."""
        return self.access.record.type

    def set_task_type(self, task_type: TaskType | str) -> None:
        """One of `Task.TaskTypes`."""
        from elsewhere.core import names  # noqa: PLC0415

        if task_type is None:
            raise UsageError("A task has a type: give one of Task.TaskTypes.")
        self._edit(type=str(names.checked_type(task_type)))

    # tags

    def get_tags(self) -> list[str]:
        """Sorted."""
        return list(self.access.record.tags)

    def set_tags(self, tags: str | Iterable[str]) -> None:
        """These replace all that it has."""
        from elsewhere.core.names import checked_tags  # noqa: PLC0415

        new = checked_tags(tags)
        self._tag(new, removed=set(self.get_tags()) - set(new))

    def add_tags(self, tags: str | Iterable[str]) -> None:
        """One tag, several in a text separated by spaces, or a list."""
        from elsewhere.core.names import checked_tags  # noqa: PLC0415

        self._tag(checked_tags(tags))

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Those that it does not have are no error."""
        from elsewhere.core.names import checked_tags  # noqa: PLC0415

        self._tag((), removed=checked_tags(tags))

    def get_system_tags(self) -> list[str]:
        """What the system knows about it: `archived`."""
        self.access.settle()
        rows = self.access.store.look_up([self.id], ["system_tags"])
        if not rows:
            self.reload()
        return list(rows[0]["system_tags"])

    def set_system_tags(self, tags: str | Iterable[str]) -> None:
        """These replace all that it has; only `archived` is known."""
        from elsewhere.core.names import checked_tags  # noqa: PLC0415
        from elsewhere.store.filters import SYSTEM_TAGS  # noqa: PLC0415

        new = checked_tags(tags)
        for tag in new:
            if tag not in SYSTEM_TAGS:
                raise UsageError(
                    f"There is no system tag {tag!r}. {known_choices(tag, SYSTEM_TAGS)}"
                )
        self._tag(new, removed=set(SYSTEM_TAGS) - set(new), are_system=True)

    def get_archived(self) -> bool:
        """Whether it is put away."""
        from elsewhere.store.filters import ARCHIVED  # noqa: PLC0415

        return ARCHIVED in self.get_system_tags()

    def set_archived(self, archive: bool) -> None:
        """An archived task is put away: it is found, but after all others, or not if so asked."""
        from elsewhere.store.filters import ARCHIVED  # noqa: PLC0415

        if not isinstance(archive, bool):
            raise UsageError(f"A task is archived or not: give True or False, not {archive!r:.80}.")
        self.set_system_tags([ARCHIVED] if archive else [])

    def archive(self) -> None:
        """Puts it away, as `set_archived(True)` does."""
        self.set_archived(True)

    def unarchive(self) -> None:
        """Takes it back from where `archive` has put it."""
        self.set_archived(False)

    # what it cannot be called otherwise

    @property
    def output_uri(self) -> str:
        """Where its artifacts and models go; empty where that is left to who uploads them."""
        return self.access.record.output_uri

    @property
    def cache_dir(self) -> Path:
        """Where this machine keeps local copies."""
        from elsewhere.core.settings import load  # noqa: PLC0415

        return load().home.cache

    # helpers

    def _edit(self, **fields: Json) -> None:
        from elsewhere.core.events import Edited  # noqa: PLC0415

        self.access.record_event(Edited(fields=fields))

    def _tag(
        self, added: Iterable[str], *, removed: Iterable[str] = (), are_system: bool = False
    ) -> None:
        from elsewhere.core.events import Tags  # noqa: PLC0415

        gone = tuple(sorted(removed))
        self.access.record_event(Tags(added=tuple(added), removed=gone, are_system=are_system))


def _is_id(given: object) -> bool:
    return isinstance(given, str) and bool(given)
