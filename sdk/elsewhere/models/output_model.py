"""A model that a task makes, with its weights and its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from elsewhere.core.checks import checked_labels
from elsewhere.core.clock import now_at
from elsewhere.core.errors import UsageError
from elsewhere.core.events import ModelSaved, ModelsUnused, ModelUsed
from elsewhere.core.names import new_id
from elsewhere.core.records import ModelRecord, ModelUse
from elsewhere.models import checks, weights
from elsewhere.models.output_weights import OutputWeights
from elsewhere.models.owners import UNPUBLISHED, owner_of
from elsewhere.models.reporting_model import ReportingModel
from elsewhere.store.model_records import changed

if TYPE_CHECKING:
    from elsewhere.core.events import Event
    from elsewhere.core.records import Json
    from elsewhere.report.recorder import OwnRun
    from elsewhere.report.task_access import TaskAccess


class OutputModel(OutputWeights, ReportingModel):
    """A model that a task makes; it becomes one of the task's output models at once.

    For the task of this process all changes go through its journal: no call waits for the store,
    and the weights are uploaded with the journal's delivery. For another task each call changes
    the store and uploads before it returns.
    """

    def __init__(
        self,
        task: Any = None,
        config_text: str | None = None,
        config_dict: Mapping[str, Any] | None = None,
        label_enumeration: Mapping[str, int] | None = None,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        comment: str | None = None,
        framework: str | None = None,
        base_model_id: str | None = None,
    ) -> None:
        """Makes a model of `task`, an object of Task; None is the task that this process is.

        The design of the network is `config_text`, or `config_dict`, which becomes JSON.
        `label_enumeration` has the labels, name to number, by default the task's. `name` is by
        default `<task> - <file>`, after the first weights. `tags`, `comment` and `framework` are
        free texts. `base_model_id` is the id of the model that training began from.

        Raises UsageError for wrong arguments or without a task, NotFoundError for a task that was
        deleted, and TransitionError for a published one.
        """
        owner = owner_of(task, "OutputModel")
        fields = _first_fields(owner, name, tags, comment)
        fields["framework"] = checks.checked_text("The framework of a model", framework)
        fields["design"] = checks.checked_design(config_text, config_dict) or ""
        if label_enumeration is not None:
            fields["labels"] = checked_labels(label_enumeration)
        if base_model_id is not None:
            fields["parent"] = checks.checked_id("base_model_id", base_model_id)
        self._begin(owner, name or "", fields)

    def _begin(self, owner: TaskAccess[OwnRun], entry: str, fields: dict[str, Json]) -> None:
        self._id, self._given_store, self._local = new_id(), None, None
        self._owner = owner
        #: the record as this process knows it, for its own task only
        self._kept = ModelRecord(id=self._id, task=owner.id)
        self._is_named = bool(entry)
        #: the task's name for it; the id until there is a better one
        self._entry = entry or self._id
        self._report(fields, use=self._entry)
        self._begin_reports(owner, self._id)

    def update_design(
        self, config_text: str | None = None, config_dict: Mapping[str, Any] | None = None
    ) -> bool:
        """Sets the design to `config_text`, or to `config_dict` as JSON; returns True. Raises
        UsageError, also for a published model, NotFoundError and TransitionError."""
        design = checks.checked_design(config_text, config_dict)
        if design is None:
            raise UsageError("update_design takes config_text or config_dict: give one of them.")
        self._save({"design": design})
        return True

    def update_labels(self, labels: Mapping[str, int]) -> None:
        """Replaces the labels by `labels`, name to number. Raises UsageError, also for a published
        model, NotFoundError and TransitionError."""
        self._save({"labels": checked_labels(labels)})

    def connect(
        self,
        task: Any,
        name: str | None = None,
        ignore_remote_overrides: bool = False,
    ) -> None:
        """Makes the model an output model of `task`, too, or renames it there to `name`.

        `ignore_remote_overrides` has no effect. Raises UsageError, and TransitionError for a
        published task.
        """
        owner = owner_of(task, "connect")
        entry = checks.checked_text("The name of a model", name) or self._entry
        if owner.id != self._owner.id:
            owner.record_event(self._used_as(entry), allowed=UNPUBLISHED)
        elif entry != self._entry:
            self._call(entry)

    def _read(self) -> ModelRecord:
        return self._kept if self._owner.run is not None else self._arrived()

    def _arrived(self) -> ModelRecord:
        return self._owner.settled_store.model(self.id)

    def _save(self, fields: dict[str, Json]) -> None:
        self._refuse_final(fields)
        self._is_named |= "name" in fields
        self._report(fields)

    def _report(
        self, fields: dict[str, Json], *, file: str = "", output_uri: str = "", use: str = ""
    ) -> None:
        """As declared; from now on the task calls the model `use`, if given."""
        if self._owner.run is not None:
            self._kept = changed(self._kept, fields)
        # The URL of a file is set by its delivery: until then others would find nothing there.
        reported = {name: value for name, value in fields.items() if name != "url" or not file}
        saved = ModelSaved(
            model=self.id,
            fields={**reported, "task": self._owner.id},
            file=file,
            output_uri=output_uri,
        )
        self._record_events(saved, *([self._used_as(use)] if use else []))

    def _record_events(self, *events: Event) -> None:
        self._owner.record_event(*events, allowed=UNPUBLISHED)

    def _call(self, entry: str) -> None:
        """Makes `entry` the task's name for it."""
        old, self._entry, self._is_named = self._entry, entry, True
        self._record_events(ModelsUnused(names=(old,), are_output=True), self._used_as(entry))

    def _used_as(self, entry: str) -> ModelUsed:
        if self._owner.run is not None:
            self._owner.run.output_names[entry] = self.id
        return ModelUsed(use=ModelUse(name=entry, model=self.id, is_output=True, at=now_at()))

    def _name_after(self, stem: str, fields: dict[str, Json]) -> None:
        if self._is_named or not stem:
            return
        fields["name"] = f"{self._owner.known_record.name} - {stem}"
        self._call(stem)


def made_by(
    task: Any,
    path: object,
    *,
    name: str | None,
    entry: str | None,
    comment: str | None,
    tags: Sequence[str] | None,
    iteration: int | None,
    is_deleted: bool,
) -> str:
    """Makes a model of `task` with the weights at `path`, always uploaded; returns their URL.

    `entry` is the task's name for the model, by default the file's. `is_deleted`: the original is
    deleted. Raises UsageError, StorageError, NotFoundError and TransitionError.
    """
    owner, originals = owner_of(task, "update_output_model"), weights.one("model_path", path)
    checks.checked_text("name", entry)
    fields = _first_fields(owner, name, tags, comment)
    if not name:
        fields["name"] = f"{owner.known_record.name} - {originals.stem}"
    model = OutputModel.__new__(OutputModel)
    model._begin(owner, entry or originals.stem, fields)
    return model._keep(originals, is_deleted=is_deleted, iteration=iteration)


def _first_fields(
    owner: TaskAccess[OwnRun], name: object, tags: object, comment: object
) -> dict[str, Json]:
    """The fields of a new model, those of the task where none are given. Raises UsageError."""
    record = owner.known_record
    return {
        "name": checks.checked_text("The name of a model", name) or record.name,
        "project": record.project,
        "tags": checks.checked_tags(tags),
        "comment": checks.checked_text("The comment of a model", comment),
        "labels": dict(record.labels),
    }
