"""Uploading what a run folder holds: who delivers a journal brings the artifacts along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from elsewhere.artifacts.places import upload
from elsewhere.codec import from_plain
from elsewhere.errors import RecordError, StorageError
from elsewhere.folders import RunFolder, read_json
from elsewhere.records import Artifact, TaskRecord

__all__ = ["Uploader", "uploader"]

Uploader = Callable[[RunFolder, Artifact, Path], Artifact]


def uploader(default_uri: str) -> Uploader:
    """For tasks that name no place of their own, `default_uri` is it."""

    def upload_from(folder: RunFolder, artifact: Artifact, file: Path) -> Artifact:
        try:
            record = from_plain(TaskRecord, read_json(folder.spec)["record"])
        except (RecordError, TypeError, KeyError) as error:
            raise StorageError(f"Whose artifact it is cannot be read: {error}.") from error
        return upload(artifact, file, record.output_uri or default_uri, record)

    return upload_from
