"""Weights on this machine: a model's file or folder, and which model a path in the cache is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from elsewhere.artifacts import ArtifactHandle
from elsewhere.core.errors import RecordError, StorageError
from elsewhere.core.folders import read_json, write_beside
from elsewhere.core.records import Artifact, ModelRecord
from elsewhere.storage import is_file_url, local_path
from elsewhere.storage.copies.cache import NOTE

__all__ = ["Cached", "LocalWeights", "cached_model"]

logger = logging.getLogger(__name__)


class LocalWeights(ArtifactHandle):
    """What was given out stays in the cache as long as this object lives."""

    _noun = "model"

    def __init__(self, record: ModelRecord, cache: Path) -> None:
        super().__init__(_artifact(record), cache)
        self._model = record

    def is_of(self, record: ModelRecord) -> bool:
        return _artifact(record) == _artifact(self._model)

    def path(self, *, is_unpacked: bool, force_download: bool) -> Path:
        """Raises StorageError."""
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


@dataclass(frozen=True, slots=True)
class Cached:
    """The model whose weights an entry of the cache holds."""

    id: str
    name: str


def cached_model(path: Path, cache: Path) -> Cached | None:
    """The model that a path in the cache is of, as far as that was noted."""
    if not path.is_relative_to(cache) or path == cache:
        return None
    try:
        noted = read_json(cache / path.relative_to(cache).parts[0] / NOTE)
        return Cached(str(noted["id"]), str(noted["name"])) if noted is not None else None
    except (OSError, RecordError, KeyError, TypeError) as error:
        logger.debug("%s", error)
        return None


def _note(entry: Path, record: ModelRecord) -> None:
    try:
        write_beside(entry / NOTE, {"id": record.id, "name": record.name})
    except OSError as error:  # lineage is lost, and nothing else
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
