"""Queries on a folder: every task is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.core.codec import encode
from elsewhere.core.records import TaskType
from elsewhere.store.redis.search import chosen, column_of, looked_at
from elsewhere.store.states import text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from elsewhere.store.filters import Filter
    from elsewhere.store.folder.disk import Disk, StoredTask

__all__ = ["FolderSearch", "state_texts"]


class FolderSearch:
    """The part of the folder store that answers queries."""

    _disk: Disk

    def search(self, wanted: Filter) -> Iterator[str]:
        """Ids in the wanted order."""
        tasks = (
            (task_id, task)
            for task_id, task in self._newest_first()
            if wanted.name in ("", task.record["name"])
            and all(one.holds(_values(task, field)) for field, one in wanted.sets)
        )
        return chosen(_rows(tasks, looked_at(wanted)), wanted)

    def look_up(self, task_ids: Iterable[str], names: Collection[str]) -> list[dict[str, Any]]:
        with self._disk.locked():
            tasks = [(task_id, self._disk.task(task_id)) for task_id in task_ids]
        known = [(task_id, task) for task_id, task in tasks if task.status]
        wanted = ["id", *names]
        return [{name: row[name] for name in wanted} for row in _rows(known, names)]

    def projects(self) -> list[str]:
        with self._disk.locked():
            used: dict[str, float] = self._disk.about().get("projects", {})
        return sorted(used, key=lambda name: (used[name], name), reverse=True)

    def _newest_first(self) -> list[tuple[str, StoredTask]]:
        with self._disk.locked():
            tasks = [(task_id, self._disk.task(task_id)) for task_id in self._disk.ids()]
        there = [(task_id, task) for task_id, task in tasks if task.status]
        return sorted(there, key=lambda one: (one[1].state["updated_at"], one[0]), reverse=True)


def _values(task: StoredTask, field: str) -> Collection[str]:
    """What an expression about the field is about."""
    if field == "system_tags":
        tags: list[str] = task.part(field)
        return tags
    if field == "status":
        return (task.status,)
    if field == "tags":
        return list(task.record.get("tags", ()))
    return (task.record.get(field, TaskType.TRAINING if field == "type" else ""),)


def _rows(
    tasks: Iterable[tuple[str, StoredTask]], names: Collection[str]
) -> Iterator[dict[str, Any]]:
    columns = {name: column_of(name) for name in sorted(set(names) - {"id"})}
    for task_id, task in tasks:
        parts = _parts(task)
        row: dict[str, Any] = {"id": task_id}
        for name, column in columns.items():
            part = parts[column.part]
            row[name] = (
                column.read([part.get(field) for field in column.fields])
                if column.fields
                else sorted(text.decode() for text in part.values())
            )
        yield row


def _parts(task: StoredTask) -> dict[str, dict[str, bytes]]:
    """The task as `search.Column` finds it: hashes of bytes."""
    sets = {name: task.part(name) for name in ("tags", "system_tags")}
    parameters = task.record.get("parameters", {})
    summaries = {
        series: " ".join(
            repr(one[word]) for word in ("count", "iteration", "last", "minimum", "maximum")
        )
        for series, one in task.part("scalars").items()
    }
    texts: dict[str, dict[str, str]] = {
        "record": {name: encode(value) for name, value in task.record.items()},
        "parameters": {name: encode(value) for name, value in parameters.items()},
        "state": state_texts(task),
        "scalars": summaries,
        **{name: {tag: tag for tag in tags} for name, tags in sets.items()},
    }
    return {
        part: {name: text.encode(errors="backslashreplace") for name, text in fields.items()}
        for part, fields in texts.items()
    }


def state_texts(task: StoredTask) -> dict[str, str]:
    """The fields of its state as other stores keep them."""
    return {name: text_of(value) for name, value in task.state.items() if value is not None}
