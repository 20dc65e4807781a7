"""Models in a folder: all of them in one file, with the places of their weights."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeAlias

from elsewhere.core.choices import Status
from elsewhere.core.events import ModelSaved, ModelsUnused, ModelUsed
from elsewhere.core.records import ModelRecord, ModelUse
from elsewhere.store.model_records import (
    METADATA,
    checked,
    checked_id,
    field_of,
    left_out,
    of_found,
    of_task,
    place_of,
    record_of,
    reports_of,
    unknown,
    uses_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.events import ModelReported
    from elsewhere.core.records import Json
    from elsewhere.store.folder.disk import Disk, StoredTask
    from elsewhere.store.model_records import ModelFilter

#: as `Disk.models` gives it
_Kept: TypeAlias = dict[str, dict[str, Any]]


class FolderModels:
    """The part of the folder store that keeps models."""

    _disk: Disk

    def save_model(self, model_id: str, fields: Mapping[str, Json]) -> None:
        with self._disk.locked():
            kept = self._disk.models()
            _save(kept, model_id, fields)
            self._disk.write_models(kept)

    def model(self, model_id: str) -> ModelRecord:
        with self._disk.locked():
            found = self._disk.models()["models"].get(model_id)
        if found is None:
            raise unknown(model_id)
        return record_of(model_id, found)

    def delete_model(self, model_id: str) -> None:
        with self._disk.locked():
            kept = self._disk.models()
            kept["models"].pop(checked_id(model_id), None)
            kept["places"] = {at: one for at, one in kept["places"].items() if one != model_id}
            self._disk.write_models(kept)
            if self._disk.file_of(reports_of(model_id)).exists():
                self._disk.remove_task(reports_of(model_id))

    def find_models(self, wanted: ModelFilter) -> list[ModelRecord]:
        with self._disk.locked():
            kept = self._disk.models()["models"]
        records = [record_of(model_id, found) for model_id, found in kept.items()]
        found = [record for record in records if wanted.holds(record)]
        found.sort(key=lambda record: (record.updated_at, record.id), reverse=True)
        return found[: wanted.limit]

    def task_models(self, task_id: str) -> list[ModelUse]:
        with self._disk.locked():
            return _uses(self._disk.task(task_id))

    def model_at(self, url: str, machine: str = "") -> str | None:
        with self._disk.locked():
            return _known(self._disk.models()["places"], url, machine)

    def tasks_using(self, model_id: str) -> list[str]:
        with self._disk.locked():
            return [
                task_id
                for task_id in self._disk.ids()
                if any(
                    use.model == model_id and not use.is_output
                    for use in _uses(self._disk.task(task_id))
                )
            ]

    def _publish_model(self, task_id: str, task: StoredTask, status: Status) -> None:
        """Publishes the last model that the task made, together with the task."""
        made = [use.model for use in _uses(task) if use.is_output]
        kept = self._disk.models()
        if status is Status.PUBLISHED and made and made[-1] in kept["models"]:
            _save(kept, made[-1], {"is_published": True}, owner=task_id)
            self._disk.write_models(kept)


def apply(
    kept: _Kept,
    task_id: str,
    task: StoredTask,
    event: ModelSaved | ModelUsed | ModelsUnused | ModelReported,
    *,
    is_own: bool,
) -> None:
    """Applies an event as `model_operations.of_event` and the scripts do; the caller writes
    `kept` and the task."""
    with left_out(task_id, is_own=is_own):
        if isinstance(event, ModelSaved):
            fields = of_task(task_id, event) if is_own else event.fields
            _save(kept, event.model, fields, task_id if is_own else "")
        elif isinstance(event, ModelUsed):
            _use(kept, task_id, task, event)
        elif isinstance(event, ModelsUnused):
            for name in event.names:
                task.part("models").pop(field_of(name, is_output=event.are_output), None)


def _save(kept: _Kept, model_id: str, fields: Mapping[str, Json], owner: str = "") -> None:
    plain = checked(model_id, fields)
    old = kept["models"].get(model_id)
    if owner and old is not None and old.get("task") != owner:
        return
    new: dict[str, Any] = dict(old or {})
    for name, value in plain.items():
        if name == "metadata":
            new = {one: item for one, item in new.items() if not one.startswith(METADATA)}
        elif value is None and name.startswith(METADATA):
            new.pop(name, None)
        else:
            new[name] = value
    at = round(time.time(), 6)
    kept["models"][model_id] = {"created_at": at, **new, "updated_at": at}
    if (place := place_of(fields)) is not None:
        if old is not None:
            kept["places"] = {at: one for at, one in kept["places"].items() if one != model_id}
        if place:
            kept["places"][place] = model_id


def _use(kept: _Kept, task_id: str, task: StoredTask, event: ModelUsed) -> None:
    use, model = event.use, checked_id(event.use.model)
    if event.found:
        url, machine = event.found.get("url"), event.found.get("machine", "")
        known = _known(kept["places"], str(url), str(machine))
        if known is None:
            _save(kept, model, of_found(event), owner=task_id)
        elif kept["models"][known].get("task") == task_id:
            return  # its own: it did not begin from that
        model = known or model
    field = field_of(use.name, is_output=use.is_output)
    uses = task.part("models")
    if uses.get(field, [0, ""])[1] != model:
        uses[field] = [use.at, model]


def _known(places: Mapping[str, str], url: str, machine: str) -> str | None:
    place = place_of({"url": url, "machine": machine}) or ""
    return places.get(place) or places.get(url)


def _uses(task: StoredTask) -> list[ModelUse]:
    return uses_of((field, at, model) for field, (at, model) in task.part("models").items())
