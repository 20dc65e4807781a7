"""Finding tasks: the class methods of `Task` that query the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.core.checks import checked_text, checked_whole
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self

    from elsewhere.task.projects import Project


class FindingAspect(Handle):
    """Finds tasks and projects; this script's own task is the handle that the process has."""

    @classmethod
    def get_task(
        cls,
        task_id: str | None = None,
        project_name: str | None = None,
        task_name: str | None = None,
        tags: Sequence[str] | None = None,
        allow_archived: bool = True,
        task_filter: Mapping[str, Any] | None = None,
    ) -> Self | None:
        """A handle on the task `task_id`; or on the last changed one with exactly the names
        `project_name` and `task_name`, or None. `tags` and `task_filter` are those of `get_tasks`.
        Archived tasks come after all others, or with `allow_archived` False not at all. Raises
        NotFoundError for an unknown id or project, and UsageError for a wrong argument."""
        from elsewhere.task import stored  # noqa: PLC0415

        if task_id is not None:
            return cls._of(task_id)
        store = cls._open()
        found = stored.find_named(
            store,
            project_name,
            task_name,
            tags=tags,
            allow_archived=allow_archived,
            task_filter=task_filter,
        )
        return cls._of(found, store) if found is not None else None

    @classmethod
    def get_tasks(
        cls,
        task_ids: Sequence[str] | None = None,
        project_name: str | Sequence[str] | None = None,
        task_name: str | None = None,
        tags: Sequence[str] | None = None,
        allow_archived: bool = True,
        task_filter: Mapping[str, Any] | None = None,
    ) -> list[Self]:
        """Handles on all tasks that match, the last changed one first, or on just `task_ids`.

        `project_name` is an exact name or a list of such; `task_name` is a regular expression that
        is searched for, with case. `allow_archived` False leaves archived tasks out. A task matches
        with one of the `tags`, or as the operators in the list demand:

            ["a", "b"]                                  a or b
            ["__$and", "a", "b"]                        a and b
            ["a", "-b"], ["a", "__$not", "b"]           a, but not b
            ["a", "b", "__$and", "c", "d"]              a or b or (c and d)
            ["__$and", "__$or", "a", "b", "__$and", "c"]    (a or b) and c

        Keys of `task_filter`: `id`, `tags`, `system_tags` (archived), `status`, `type`, `project`
        and `parent` (lists like `tags`); `name` and `comment` (regular expressions); `search_text`
        (words, in any case, in name, comment or id); `created`, `started`, `completed`,
        `last_update`, `last_iteration`, `progress` and `last_metrics.<title>.<series>` ([first,
        last], None for open, or texts that begin with >=, >, <= or <); `_any_` and `_all_`
        ({"fields": [...], "pattern": ...}); `order_by` (fields, "-" for descending); `page`, from
        0, and `page_size`. A date without a zone is UTC.

        Raises UsageError for a wrong argument and NotFoundError for an unknown id.
        """
        from elsewhere.task import stored  # noqa: PLC0415

        store = cls._settled()
        if task_ids is not None:
            return [cls._of(one, store) for one in stored.existing(store, task_ids)]
        found = stored.search(
            store,
            project_name=project_name,
            task_name=task_name,
            tags=tags,
            allow_archived=allow_archived,
            task_filter=task_filter,
        )
        return [cls._of(task_id, store) for task_id in found]

    @classmethod
    def query_tasks(
        cls,
        project_name: str | Sequence[str] | None = None,
        task_name: str | None = None,
        tags: Sequence[str] | None = None,
        additional_return_fields: Sequence[str] | None = None,
        task_filter: Mapping[str, Any] | None = None,
    ) -> list[str] | list[dict[str, Any]]:
        """The ids of all tasks that `get_tasks` finds with `project_name`, `task_name`, `tags` and
        `task_filter`, or dicts with the id and the fields `additional_return_fields`.

        Fields: those of filters, `tags`, `parameters.<section>/<name>`, and those of a record, with
        dots for what is inside (`source.commit`). Times are Unix seconds; a field that a task does
        not have is None. Raises UsageError for an unknown field and for a wrong argument.
        """
        from elsewhere.task import stored  # noqa: PLC0415

        store = cls._settled()
        found = stored.search(
            store,
            project_name=project_name,
            task_name=task_name,
            tags=tags,
            task_filter=task_filter,
        )
        fields = stored.checked_fields(additional_return_fields)
        return store.look_up(list(found), fields) if fields else list(found)

    @classmethod
    def get_scalars_frame(
        cls,
        task_ids: Sequence[str],
        title: str | None = None,
        series: str | None = None,
        max_samples: int = 0,
    ) -> Any:
        """The scalars of the tasks `task_ids` as a DataFrame of pandas, a row a point.

        Columns: `task`, `title` and `series` (categories), `iteration` (int64), `time` (UTC) and
        `value` (float64). Only those of one `title` and one `series` where they are given, and of
        each series at most `max_samples` points, 0 for all, as `get_reported_scalars` chooses
        them. Raises ImportError without pandas, UsageError for a wrong argument, and NotFoundError
        for an unknown id.
        """
        from elsewhere.task import frames, stored  # noqa: PLC0415

        most = checked_whole("max_samples", max_samples, 0, note=", 0 for all")
        store = cls._settled()
        return frames.scalars_frame(store, stored.existing(store, task_ids), title, series, most)

    @classmethod
    def get_projects(cls, name: str | None = None) -> list[Project]:
        """The projects in whose names the regular expression `name` is found, or all, the last used
        one first; each has `id` and `name`. Raises UsageError for anything else."""
        from elsewhere.task import projects  # noqa: PLC0415

        return projects.find(cls._settled(), name)

    @classmethod
    def get_project_id(
        cls,
        project_name: str,
        search_hidden: bool = True,  # noqa: ARG003 - taken from those who give it
    ) -> str | None:
        """The id of the project called exactly `project_name`, which is that name, or None.
        `search_hidden`, which existing scripts pass, changes nothing: no project is hidden. Raises
        UsageError."""
        name = checked_text("project_name", project_name)
        return name if name in cls._settled().projects() else None
