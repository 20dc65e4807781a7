"""A model as anybody sees it who has its id: what it is, and its weights."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts.places import is_kept_for
from elsewhere.core.checks import checked_dict, checked_pattern, checked_whole
from elsewhere.core.errors import StorageError, UsageError
from elsewhere.core.settings import load
from elsewhere.models import checks
from elsewhere.models.local_weights import LocalWeights
from elsewhere.models.metadata import ModelMetadata
from elsewhere.models.owners import store_here
from elsewhere.storage import delete
from elsewhere.store.model_records import ModelFilter
from elsewhere.store.tags import parse

if TYPE_CHECKING:
    from typing_extensions import Self

    from elsewhere.core.records import Json, ModelRecord
    from elsewhere.store.api import TaskStore

__all__ = ["Model", "filter_of"]

logger = logging.getLogger(__name__)

#: what a published model is can be relied upon
_FINAL: Final = ("design", "labels", "url")


class Model(ModelMetadata):
    """A model of the store. It keeps nothing but its id, so what it says is always fresh.

    A published model keeps its weights, design and labels; what people call it may still change.
    """

    def __init__(self, model_id: str) -> None:
        """Raises NotFoundError for an unknown id."""
        self._id = checks.checked_id("model_id", model_id)
        self._given_store: TaskStore | None = None
        self._local: LocalWeights | None = None
        self._read()

    @classmethod
    def _of(cls, model_id: str, store: TaskStore | None) -> Self:
        """Without a look whether it is there."""
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
        """32 hex digits; it never changes."""
        return self._id

    @property
    def name(self) -> str:
        """What people call it."""
        return self._read().name

    @name.setter
    def name(self, name: str) -> None:
        self._save({"name": checks.checked_text("The name of a model", name, is_needed=True)})

    @property
    def project(self) -> str:
        """The project of the task that made it, or the one it was given."""
        return self._read().project

    @property
    def comment(self) -> str:
        """What somebody has written about it."""
        return self._read().comment

    @comment.setter
    def comment(self, comment: str) -> None:
        self._save({"comment": checks.checked_text("The comment of a model", comment)})

    @property
    def tags(self) -> list[str]:
        """Sorted."""
        return list(self._read().tags)

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._save({"tags": checks.checked_tags(tags)})

    @property
    def framework(self) -> str:
        """What it was made with; empty where nobody said."""
        return self._read().framework

    @framework.setter
    def framework(self, framework: str) -> None:
        self._save({"framework": checks.checked_text("The framework of a model", framework)})

    @property
    def url(self) -> str:
        """Where its weights lie; empty where there are none yet."""
        return self._read().url

    @property
    def labels(self) -> dict[str, int]:
        """The classes that it tells apart."""
        return dict(self._read().labels)

    @property
    def config_text(self) -> str:
        """The design: how the network is built, in the words of its framework."""
        return self._read().design

    @property
    def config_dict(self) -> dict[str, Any]:
        """The design where it is JSON. Raises UsageError where it is not."""
        text = self._read().design
        try:
            found = json.loads(text or "{}")
        except ValueError as error:
            raise UsageError(
                f"The design of model {self.id} is no JSON ({error}): read config_text."
            ) from error
        if not isinstance(found, dict):
            raise UsageError(f"The design of model {self.id} is no dict: read config_text.")
        return found

    @property
    def task(self) -> str:
        """The id of the task that made it; empty for one that came from outside."""
        return self._read().task

    original_task = task

    @property
    def parent(self) -> str:
        """The id of the model that it began from, or empty."""
        return self._read().parent

    @property
    def iteration(self) -> int | None:
        """Of its task, at which the weights were kept."""
        return self._read().iteration

    @property
    def size(self) -> int:
        """Bytes of its weights; 0 where that is not known."""
        return self._read().size_bytes

    @property
    def digest(self) -> str:
        """The sha256 of its weights; empty where they stay where they are."""
        return self._read().digest

    @property
    def is_package(self) -> bool:
        """Its weights are several files."""
        return self._read().is_package

    @property
    def published(self) -> bool:
        """Whether its weights, design and labels are final."""
        return self._read().is_published

    @property
    def archived(self) -> bool:
        """Whether it is put away."""
        return self._read().is_archived

    @property
    def system_tags(self) -> list[str]:
        """`archived`, or nothing."""
        return ["archived"] if self.archived else []

    # its weights

    def get_local_copy(
        self,
        extract_archive: bool | None = None,
        raise_on_error: bool = False,
        force_download: bool = False,
    ) -> Path | None:
        """The path of its weights here; of a package that of its folder. Not to be written to.

        A file of this machine is given directly; anything else is downloaded once, or anew with
        `force_download`, and checked against the digest. `extract_archive` False gives the zip file
        of a package. What is loaded from there is known as this model.

        What goes wrong is a warning, and the path is None; with `raise_on_error` StorageError.
        """
        record = self._arrived()
        try:
            if self._local is None or not self._local.is_of(record):
                self._local = LocalWeights(record, load().home.cache)
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
        """The file, that of a package zipped as it is; else as `get_local_copy`."""
        return self.get_local_copy(False, raise_on_error, force_download)

    def get_weights_package(
        self, return_path: bool = False, raise_on_error: bool = False, force_download: bool = False
    ) -> Path | list[Path] | None:
        """The files of a package, or with `return_path` their folder. Raises UsageError for a model
        that is none."""
        if not self.is_package:
            raise UsageError(f"Model {self.id} is no package of files: use get_weights.")
        folder = self.get_local_copy(True, raise_on_error, force_download)
        if folder is None or return_path:
            return folder
        return sorted(path for path in folder.rglob("*") if path.is_file())

    # where it stands

    def publish(self) -> None:
        """From now on its weights, design and labels stay as they are. Raises UsageError for a
        model that has no weights."""
        record = self._read()
        if not (record.url or record.digest):
            raise UsageError(f"Model {self.id} cannot be published: it has no weights.")
        self._save({"is_published": True})

    def archive(self) -> None:
        """It is not found any more, unless archived ones are asked for."""
        self._save({"is_archived": True})

    def unarchive(self) -> None:
        """Takes it back from where `archive` has put it."""
        self._save({"is_archived": False})

    # all of them

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
        """Models that match, the last changed one first.

        `project_name` is exact; `model_name` a regular expression that is searched for; `tags` are
        those of `Task.get_tasks`. All `metadata` must have these values. Raises UsageError.
        """
        wanted = filter_of(project_name, tags, only_published)
        if max_results is not None:
            checked_whole("max_results", max_results, 1)
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
        """The model is gone, and its weights with it, as far as Elsewhere keeps them.

        False when the weights could not be deleted, with a warning that says why. Raises
        NotFoundError, and without `force` UsageError for a model that is published or that tasks
        began from.
        """
        model_id, store = checks.checked_id("model", model), store_here()
        record, users = store.model(model_id), store.tasks_using(model_id)
        why = "it is published" if record.is_published else ""
        if users:
            why = f"{len(users)} tasks began from it, such as {users[0]}"
        if why and not force:
            raise UsageError(f"Model {model_id} is not removed: {why}. Pass force=True to do it.")
        store.delete_model(model_id)
        if delete_weights_file and record.digest and is_kept_for(record.task, record.url):
            try:
                delete(record.url, record.machine)
            except StorageError as error:
                logger.warning("The weights of model %s are left. %s", model_id, error)
                return False
        return True

    # helpers

    @property
    def _store(self) -> TaskStore:
        return self._given_store or store_here()

    def _read(self) -> ModelRecord:
        return self._store.model(self._id)

    def _arrived(self) -> ModelRecord:
        """As the store has it: with what is uploaded."""
        return self._read()

    def _save(self, fields: dict[str, Json]) -> None:
        self._refuse_final(fields)
        self._store.save_model(self._id, fields)

    def _refuse_final(self, fields: Mapping[str, Json]) -> None:
        is_published = self._read().is_published  # of one that was removed, this raises
        for name in _FINAL:
            if name in fields and is_published:
                raise UsageError(
                    f"The {'weights' if name == 'url' else name} of model {self.id} cannot be"
                    " changed: it is published. Make a new model."
                )


def filter_of(project: object, tags: object, only_published: bool) -> ModelFilter:
    return ModelFilter(
        project=checks.checked_text("The project of a model", project),
        tags=parse("The tags of a model", tags or []),
        is_published=bool(only_published),
    )
