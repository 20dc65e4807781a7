"""A model of the store: what it is, its weights and its state."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts import scalars
from elsewhere.artifacts.places import is_kept_for
from elsewhere.core.checks import checked_dict, checked_pattern, checked_whole
from elsewhere.core.errors import StorageError, UsageError
from elsewhere.core.settings import load
from elsewhere.models import checks
from elsewhere.models.local_weights import LocalWeights
from elsewhere.models.metadata import ModelMetadata
from elsewhere.models.owners import store_here
from elsewhere.storage import delete
from elsewhere.store.model_records import ModelFilter, reports_of
from elsewhere.store.tags import parse

if TYPE_CHECKING:
    from typing_extensions import Self

    from elsewhere.core.records import Json, ModelRecord
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)

#: fields that a published model keeps: others rely on them
_FINAL: Final = ("design", "labels", "url")


class Model(ModelMetadata):
    """A model of the store. The object holds the id alone and reads each value from the store.

    A published model keeps its weights, design and labels; its name, tags, comment, framework and
    metadata can still change. Every use raises NotFoundError once the model was removed.
    """

    def __init__(self, model_id: str) -> None:
        """Finds the model with the id `model_id`. Raises UsageError and NotFoundError."""
        self._id = checks.checked_id("model_id", model_id)
        self._given_store: TaskStore | None = None
        self._local: LocalWeights | None = None
        self._read()

    @classmethod
    def _of(cls, model_id: str, store: TaskStore | None) -> Self:
        """Makes the object without asking the store whether the model exists."""
        model = cls.__new__(cls)
        model._id, model._given_store, model._local = model_id, store, None
        return model

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self._id)

    # what it is

    @property
    def id(self) -> str:
        """The id: 32 hex digits that never change."""
        return self._id

    @property
    def name(self) -> str:
        """The name, which can be set. Raises UsageError for an empty one."""
        return self._read().name

    @name.setter
    def name(self, name: str) -> None:
        self._save({"name": checks.checked_text("The name of a model", name, is_needed=True)})

    @property
    def project(self) -> str:
        """The project of the task that made the model, or the one given at its import."""
        return self._read().project

    @property
    def comment(self) -> str:
        """A free text, which can be set. Raises UsageError for another type."""
        return self._read().comment

    @comment.setter
    def comment(self, comment: str) -> None:
        self._save({"comment": checks.checked_text("The comment of a model", comment)})

    @property
    def tags(self) -> list[str]:
        """The tags, sorted, which can be set. Raises UsageError unless each is a text."""
        return list(self._read().tags)

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._save({"tags": checks.checked_tags(tags)})

    @property
    def framework(self) -> str:
        """The framework, or empty; it can be set. Raises UsageError for another type than text."""
        return self._read().framework

    @framework.setter
    def framework(self, framework: str) -> None:
        self._save({"framework": checks.checked_text("The framework of a model", framework)})

    @property
    def url(self) -> str:
        """The URL of the weights, or empty while there are none."""
        return self._read().url

    @property
    def labels(self) -> dict[str, int]:
        """The classes that the model distinguishes: name to number."""
        return dict(self._read().labels)

    @property
    def config_text(self) -> str:
        """The design: how the network is built, in the format of its framework."""
        return self._read().design

    @property
    def config_dict(self) -> dict[str, Any]:
        """The design as a dict. Raises UsageError unless it is a JSON object."""
        text = self._read().design
        try:
            found = json.loads(text or "{}")
        except ValueError as error:
            raise UsageError(
                f"The design of model {self.id} is not JSON ({error}): read config_text."
            ) from error
        if not isinstance(found, dict):
            raise UsageError(f"The design of model {self.id} is not a dict: read config_text.")
        return found

    @property
    def task(self) -> str:
        """The id of the task that made the model; empty for an imported one."""
        return self._read().task

    original_task = task

    @property
    def parent(self) -> str:
        """The id of the model that its training began from, or empty."""
        return self._read().parent

    @property
    def iteration(self) -> int | None:
        """The iteration of its task at which the weights were saved, or None."""
        return self._read().iteration

    @property
    def size(self) -> int:
        """The size of the weights in bytes; 0 if unknown."""
        return self._read().size_bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of the uploaded weights, in hex; empty if they were not uploaded."""
        return self._read().digest

    @property
    def is_package(self) -> bool:
        """Whether the weights are several files."""
        return self._read().is_package

    @property
    def published(self) -> bool:
        """Whether the weights, design and labels are final."""
        return self._read().is_published

    @property
    def archived(self) -> bool:
        """Whether `archive` has hidden the model from searches."""
        return self._read().is_archived

    @property
    def system_tags(self) -> list[str]:
        """`["archived"]` for an archived model, else an empty list."""
        return ["archived"] if self.archived else []

    # its weights

    def get_local_copy(
        self,
        extract_archive: bool | None = None,
        raise_on_error: bool = False,
        force_download: bool = False,
    ) -> Path | None:
        """The local path of the weights, for a package that of its folder; do not write to it.

        A file of this machine is given directly; anything else is downloaded once, or anew with
        `force_download`, and checked against the digest. With `extract_archive` False a package is
        given as its zip file. A task that loads weights from this path gets the model as an input.

        Raises StorageError with `raise_on_error`; else a failure is a warning, and the path None.
        """
        record = self._arrived()
        try:
            if self._local is None or not self._local.is_of(record):
                self._local = LocalWeights(record, load().home.cache, self._store)
            return self._local.path(
                is_unpacked=extract_archive is not False, force_download=force_download
            )
        except StorageError as error:
            if raise_on_error:
                raise
            logger.warning("%s", error)
            return None

    def get_weights(
        self, raise_on_error: bool = False, force_download: bool = False
    ) -> Path | None:
        """`get_local_copy` with the zip file of a package: `raise_on_error` and `force_download`
        are those of that call. Raises StorageError."""
        return self.get_local_copy(False, raise_on_error, force_download)

    def get_weights_package(
        self, return_path: bool = False, raise_on_error: bool = False, force_download: bool = False
    ) -> Path | list[Path] | None:
        """The local paths of a package's files, or with `return_path` that of their folder;
        `raise_on_error` and `force_download` are those of `get_local_copy`. Raises StorageError,
        and UsageError for a model that is not a package."""
        if not self.is_package:
            raise UsageError(f"Model {self.id} is not a package of files: use get_weights.")
        folder = self.get_local_copy(True, raise_on_error, force_download)
        if folder is None or return_path:
            return folder
        return sorted(path for path in folder.rglob("*") if path.is_file())

    # its reports

    def get_reported_scalars(
        self, max_samples: int = 0, x_axis: str = "iter"
    ) -> dict[str, dict[str, dict[str, Any]]]:
        """The scalars that were reported of the model, as `Task.get_reported_scalars` gives them
        with this `max_samples` and `x_axis`. Raises UsageError and NotFoundError."""
        most, axis = scalars.checked_samples(max_samples), scalars.checked_axis(x_axis)
        return scalars.scalars_of(*self._reports(), most, axis)

    def get_last_scalar_metrics(self) -> dict[str, dict[str, dict[str, float]]]:
        """A summary of each series, as `Task.get_last_scalar_metrics` gives it."""
        return scalars.summaries_of(*self._reports())

    def get_reported_single_values(self) -> dict[str, float]:
        """The last values that `OutputModel.report_single_value` reported, by name."""
        return scalars.single_values_of(*self._reports())

    def get_reported_plots(self, max_iterations: int | None = None) -> list[dict[str, Any]]:
        """The plots that were reported of the model, as `Task.get_reported_plots` gives them with
        this `max_iterations`, but with "model" instead of "task". Raises UsageError and
        NotFoundError."""
        from elsewhere.artifacts.plots import checked_last, plots_of  # noqa: PLC0415 - weight

        last = checked_last(max_iterations)
        return plots_of(*self._reports(), last)

    # its state

    def publish(self) -> None:
        """Makes weights, design and labels final. Raises UsageError without weights."""
        record = self._read()
        if not (record.url or record.digest):
            raise UsageError(f"Model {self.id} cannot be published: it has no weights.")
        self._save({"is_published": True})

    def archive(self) -> None:
        """Hides the model from searches that do not include archived ones. Raises NotFoundError."""
        self._save({"is_archived": True})

    def unarchive(self) -> None:
        """Undoes `archive`. Raises NotFoundError."""
        self._save({"is_archived": False})

    # all models

    @classmethod
    def query_models(
        cls,
        project_name: str | None = None,
        model_name: str | None = None,
        tags: Sequence[str] | None = None,
        only_published: bool = False,
        include_archived: bool = False,
        max_results: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> list[Model]:
        """Models that match all that is given, the last changed one first.

        `project_name` is an exact name; `model_name` is a regular expression that is searched for
        in the name; `tags` has the form of `Task.get_tasks`; `metadata` are exact values by key.
        `only_published` leaves out the other models, `include_archived` adds the archived ones,
        and `max_results` limits the number. Raises UsageError.
        """
        wanted = filter_of(project_name, tags, only_published)
        if max_results is not None:
            max_results = checked_whole("max_results", max_results, 1)
        asked = checked_dict("metadata", {} if metadata is None else metadata)
        pattern = checked_pattern("model_name", "" if model_name is None else model_name)
        wanted = replace(
            wanted,
            pattern=pattern.pattern,
            are_archived_too=include_archived,
            metadata={key: checks.checked_metadata(key, one).value for key, one in asked.items()},
            limit=max_results,
        )
        store = store_here()
        return [Model._of(record.id, store) for record in store.find_models(wanted)]

    @classmethod
    def remove(
        cls, model: Model | str, delete_weights_file: bool = True, force: bool = False
    ) -> bool:
        """Removes `model`, an object or an id, from the store.

        Its reports go with it, and with `delete_weights_file` the weights that Elsewhere uploaded.
        The result is False, after a warning, if a file of these is left. Raises NotFoundError for
        an unknown id, UsageError for another value, and without `force` for a model that is
        published or that tasks use.
        """
        model_id, store = checks.checked_id("model", model), store_here()
        record, users = store.model(model_id), store.tasks_using(model_id)
        why = "it is published" if record.is_published else ""
        if users:
            why = f"{len(users)} tasks began from it, such as {users[0]}"
        if why and not force:
            raise UsageError(f"Model {model_id} is not removed: {why}. Pass force=True to do it.")
        made = store.held(reports_of(model_id))
        if delete_weights_file and record.digest:
            made[record.url] = record.machine
        store.delete_model(model_id)
        is_done = True
        for url, machine in made.items():
            try:
                if is_kept_for(record.task, url):
                    delete(url, machine)
            except StorageError as error:
                logger.warning("A file of model %s is left. %s", model_id, error)
                is_done = False
        return is_done

    @property
    def _store(self) -> TaskStore:
        return self._given_store or store_here()

    def _read(self) -> ModelRecord:
        return self._store.model(self._id)

    def _arrived(self) -> ModelRecord:
        """The record in the store, which has the URL once the weights are uploaded."""
        return self._read()

    def _reports(self) -> tuple[TaskStore, str]:
        """Where its reports are, all of this process among them, and how they are read there."""
        self._arrived()  # raises for a removed model
        return self._store, reports_of(self._id)

    def _save(self, fields: dict[str, Json]) -> None:
        self._refuse_final(fields)
        self._store.save_model(self._id, fields)

    def _refuse_final(self, fields: Mapping[str, Json]) -> None:
        is_published = self._read().is_published  # read first: it raises for a removed model
        for name in _FINAL:
            if name in fields and is_published:
                raise UsageError(
                    f"The {'weights' if name == 'url' else name} of model {self.id} cannot be"
                    " changed: it is published. Make a new model."
                )


def filter_of(project: object, tags: object, only_published: bool) -> ModelFilter:
    """The filter for these fields. Raises UsageError."""
    return ModelFilter(
        project=checks.checked_text("The project of a model", project),
        tags=parse("The tags of a model", tags or []),
        is_published=bool(only_published),
    )
