"""A model that a task begins from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from elsewhere.core.checks import checked_labels
from elsewhere.core.clock import now_at
from elsewhere.core.errors import NotFoundError, UsageError, known_choices
from elsewhere.core.events import Configurations, Event, Labels, ModelUsed
from elsewhere.core.names import new_id
from elsewhere.core.records import Configuration, ModelUse
from elsewhere.models import checks
from elsewhere.models.model import Model, filter_of
from elsewhere.models.naming import id_of_place, stem_of, url_fields
from elsewhere.models.owners import UNPUBLISHED, owner_of, store_here
from elsewhere.store.model_records import ModelFilter

if TYPE_CHECKING:
    from elsewhere.core.records import Json, ModelRecord, TaskRecord
    from elsewhere.store.api import TaskStore

#: the configuration of a task that is the design of its input model
DESIGN = "design"


class InputModel(Model):
    """A model of the store; `connect` records that the task begins from it."""

    def __init__(
        self,
        model_id: str | None = None,
        name: str | None = None,
        project: str | None = None,
        tags: Sequence[str] | None = None,
        only_published: bool = False,
    ) -> None:
        """Finds the model with the id `model_id`; else the last changed one of those with exactly
        this `name` and `project` that match `tags`, which have the form of `Task.get_tasks`.

        `only_published` leaves out the other models. Raises UsageError for wrong values or none,
        and NotFoundError, with the closest name, when no model matches.
        """
        if model_id is not None:
            super().__init__(model_id)
            return
        if name is None and project is None and not tags:
            raise UsageError("InputModel needs model_id, or a name, a project or tags to find it.")
        wanted = replace(
            filter_of(project, tags, only_published),
            name=checks.checked_text("The name of a model", name),
            limit=1,
        )
        self._id, self._given_store, self._local = named(store_here(), wanted).id, None, None

    @classmethod
    def import_model(
        cls,
        weights_url: str,
        config_text: str | None = None,
        config_dict: Mapping[str, Any] | None = None,
        label_enumeration: Mapping[str, int] | None = None,
        name: str | None = None,
        project: str | None = None,
        tags: Sequence[str] | None = None,
        comment: str | None = None,
        is_package: bool = False,
        create_as_published: bool = False,
        framework: str | None = None,
    ) -> InputModel:
        """The model whose weights lie at `weights_url`, a URL or a path; a new one if none does.

        The weights stay where they are. A new model has the design `config_text`, or `config_dict`,
        which becomes JSON, the labels `label_enumeration` (name to number), the `name`, by default
        that of the file, and `project`, `tags`, `comment` and `framework`. `is_package`: the
        weights are the zip file of a package. `create_as_published` makes them final at once.

        Raises UsageError, and StorageError for an unknown scheme or a URL with credentials.
        """
        there = url_fields("weights_url", weights_url)
        fields: dict[str, Json] = {
            **there,
            "name": checks.checked_text("The name of a model", name) or stem_of(str(there["url"])),
            "project": checks.checked_text("The project of a model", project),
            "tags": checks.checked_tags(tags),
            "comment": checks.checked_text("The comment of a model", comment),
            "framework": checks.checked_text("The framework of a model", framework),
            "design": checks.checked_design(config_text, config_dict) or "",
            "labels": checked_labels(label_enumeration or {}),
            "is_package": bool(is_package),
            "is_published": bool(create_as_published),
        }
        store = store_here()
        if (known := _at(store, there)) is not None:
            return cls._of(known, None)
        model_id = id_of_place(there)
        store.save_model(model_id, fields)
        return cls._of(model_id, None)

    @classmethod
    def load_model(cls, weights_url: str, load_archived: bool = False) -> InputModel | None:
        """The model whose weights lie at `weights_url`, a URL or a path; None if there is none, or
        an archived one without `load_archived`. Raises UsageError and StorageError."""
        store = store_here()
        known = _at(store, url_fields("weights_url", weights_url))
        if known is None or (store.model(known).is_archived and not load_archived):
            return None
        return cls._of(known, None)

    @classmethod
    def empty(
        cls,
        config_text: str | None = None,
        config_dict: Mapping[str, Any] | None = None,
        label_enumeration: Mapping[str, int] | None = None,
    ) -> InputModel:
        """A new model without weights. Its design is `config_text`, or `config_dict` as JSON, and
        `label_enumeration` has its labels, name to number. Raises UsageError."""
        model_id = new_id()
        store_here().save_model(
            model_id,
            {
                "name": DESIGN,
                "design": checks.checked_design(config_text, config_dict) or "",
                "labels": checked_labels(label_enumeration or {}),
            },
        )
        return cls._of(model_id, None)

    def connect(
        self, task: Any, name: str | None = None, ignore_remote_overrides: bool = False
    ) -> None:
        """Records that `task` begins from this model, as `name`, by default the model's own.

        The task takes over labels and design if it has none. On an agent this object becomes the
        task's input model of this name, else its first, so that a clone can begin from another
        one; not with `ignore_remote_overrides`. Raises UsageError and TransitionError.
        """
        owner, entry = owner_of(task, "connect"), checks.checked_text("The name of a model", name)
        record = self._read()
        entry = entry or record.name or self.id
        if owner.run is not None and owner.run.is_remote and not ignore_remote_overrides:
            uses = [use for use in owner.settled_store.task_models(owner.id) if not use.is_output]
            if uses:
                use = next((use for use in uses if use.name == entry), uses[0])
                self._id, self._local = use.model, None
                return
        events = given_with(record, entry, owner.known_record)
        owner.record_event(*events, allowed=UNPUBLISHED)


def named(store: TaskStore, wanted: ModelFilter) -> ModelRecord:
    """The first model that `wanted` matches. Raises NotFoundError, with the closest name."""
    found = store.find_models(wanted)
    if found:
        return found[0]
    what = f" called {wanted.name!r}" if wanted.name else ""
    where = f" in project {wanted.project!r}" if wanted.project else ""
    others = store.find_models(replace(wanted, name="", limit=None))
    names = {record.name for record in others} if wanted.name else set()
    hint = known_choices(wanted.name, names) if names else "Archived models are not searched."
    raise NotFoundError(f"There is no such model{what}{where}. {hint}")


def given_with(
    record: ModelRecord,
    entry: str,
    task: TaskRecord,
    *,
    has_design: bool = True,
    has_labels: bool = True,
    is_new: bool = False,
) -> list[Event]:
    """The events of a task that begins from the model of `record` and calls it `entry`; with
    `is_new` the design and labels replace those of the task."""
    use = ModelUse(name=entry, model=record.id, is_output=False, at=now_at())
    events: list[Event] = [ModelUsed(use=use)]
    if has_labels and record.labels and (is_new or not task.labels):
        events.append(Labels(values=record.labels))
    if has_design and record.design and (is_new or DESIGN not in task.configurations):
        events.append(Configurations(values={DESIGN: Configuration(text=record.design)}))
    return events


def _at(store: TaskStore, fields: Mapping[str, Json]) -> str | None:
    return store.model_at(str(fields["url"]), str(fields["machine"]))
