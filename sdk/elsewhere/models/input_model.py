"""A model that a task begins from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from elsewhere.core.checks import checked_labels
from elsewhere.core.clock import now_at
from elsewhere.core.errors import NotFoundError, UsageError, known_choices
from elsewhere.core.events import Configurations, Event, Labels, ModelUsed
from elsewhere.core.records import Configuration, ModelUse
from elsewhere.models import checks
from elsewhere.models.model import Model, filter_of
from elsewhere.models.naming import id_of_place, new_model_id, stem_of, url_fields
from elsewhere.models.owners import UNPUBLISHED, owner_of, store_here
from elsewhere.store.model_records import ModelFilter

if TYPE_CHECKING:
    from elsewhere.core.records import Json, ModelRecord, TaskRecord
    from elsewhere.store.api import TaskStore

__all__ = ["DESIGN", "InputModel", "given_with", "named"]

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
        """The model with this id; else, of those with exactly these names and tags, the one that
        changed last. Raises NotFoundError, with the closest name."""
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
        """The model whose weights lie at this URL, or path; where there is none, a new one of these
        fields. The weights stay where they are. Raises UsageError and StorageError."""
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
        """The model whose weights lie at this URL, or path; None where there is none."""
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
        """A new model without weights: a design and labels that a task begins from."""
        model_id = new_model_id()
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
        """`task` begins from this model, and calls it `name`, else as the model is called.

        On an agent this object becomes the model that the task names instead, by that name or else
        its first; so another one can be set on a clone. `ignore_remote_overrides`: it does not.
        Labels and design are taken over where the task has none. Raises UsageError.
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
    """The first one that is wanted. Raises NotFoundError, with the closest name."""
    found = store.find_models(wanted)
    if found:
        return found[0]
    what = f" called {wanted.name!r}" if wanted.name else ""
    where = f" in project {wanted.project!r}" if wanted.project else ""
    others = store.find_models(replace(wanted, name="", limit=None))
    names = {record.name for record in others} if wanted.name else set()
    hint = known_choices(wanted.name, names) if names else "Models that are archived do not count."
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
    """What a task says that begins from a model; `is_new`: design and labels replace its own."""
    use = ModelUse(name=entry, model=record.id, is_output=False, at=now_at())
    said: list[Event] = [ModelUsed(use=use)]
    if has_labels and record.labels and (is_new or not task.labels):
        said.append(Labels(values=record.labels))
    if has_design and record.design and (is_new or DESIGN not in task.configurations):
        said.append(Configurations(values={DESIGN: Configuration(text=record.design)}))
    return said


def _at(store: TaskStore, fields: Mapping[str, Json]) -> str | None:
    return store.model_at(str(fields["url"]), str(fields["machine"]))
