"""Weights on this machine: a model's file or folder, and the model of a path in the cache."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from elsewhere.artifacts.far import of_model
from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.core.errors import RecordError, StorageError
from elsewhere.core.folders import read_json, write_beside
from elsewhere.core.records import Artifact, ModelRecord
from elsewhere.storage import is_file_url, local_path
from elsewhere.storage.copies.cache import NOTE

if TYPE_CHECKING:
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)


class LocalWeights(ArtifactHandle):
    """The weights of one model here. Their copy stays in the cache as long as this object lives."""

    _noun = "model"

    def __init__(self, record: ModelRecord, cache: Path, store: TaskStore) -> None:
        super().__init__(_artifact(record), cache, far=of_model(store, record))
        self._model = record

    def is_of(self, record: ModelRecord) -> bool:
        """Whether `record` still has the same weights."""
        return _artifact(record) == _artifact(self._model)

    def path(self, *, is_unpacked: bool, force_download: bool) -> Path:
        """The file; for a package its folder with `is_unpacked`. Raises StorageError."""
        record, cache = self._model, self._cache
        if not record.url:
            raise StorageError(
                f"The model {record.name!r} ({record.id}) has no weights yet."
                + (f" {record.preview}" if record.preview else "")
            )
        if is_file_url(record.url) and local_path(record.url).is_dir():
            return local_path(record.url)  # a folder that stays where it is
        path = self.get_local_copy(is_unpacked, raise_on_error=True, force_download=force_download)
        if path.is_relative_to(cache):
            _note(cache / path.relative_to(cache).parts[0], record)
        return path


def cached_model(path: Path, cache: Path) -> tuple[str, str] | None:
    """The id and the name of the model whose weights lie at `path` in `cache`; None if unknown."""
    if not path.is_relative_to(cache) or path == cache:
        return None
    try:
        noted = read_json(cache / path.relative_to(cache).parts[0] / NOTE)
        return (str(noted["id"]), str(noted["name"] or noted["id"])) if noted is not None else None
    except (OSError, RecordError, KeyError, TypeError) as error:
        logger.debug("%s", error)
        return None


def _note(entry: Path, record: ModelRecord) -> None:
    try:
        write_beside(entry / NOTE, {"id": record.id, "name": record.name})
    except OSError as error:  # only the lineage of a later load is lost
        logger.debug("%s", error)


def _artifact(record: ModelRecord) -> Artifact:
    return Artifact(
        name=record.name or record.id,
        type="archive" if record.is_package else "file",
        url=record.url,
        size_bytes=record.size_bytes,
        digest=record.digest,
        machine=record.machine,
    )
