"""Uploading what a run folder holds: who delivers a journal brings the artifacts along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from elsewhere.artifacts.places import upload
from elsewhere.codec import from_plain
from elsewhere.errors import RecordError, StorageError
from elsewhere.folders import RunFolder, read_json
from elsewhere.records import Artifact, TaskRecord

__all__ = ["DEFAULT_PLACE", "Uploader", "uploader"]

#: the output_uri of a task that wants the place of whoever delivers it
DEFAULT_PLACE: Final = "default"

Uploader = Callable[[RunFolder, Artifact, Path], Artifact]


def uploader(default_uri: str) -> Uploader:
    """For tasks that name no place of their own, `default_uri` is it."""

    def upload_from(folder: RunFolder, artifact: Artifact, file: Path) -> Artifact:
        try:
            record = from_plain(TaskRecord, read_json(folder.spec)["record"])
        except (RecordError, TypeError, KeyError) as error:
            raise StorageError(f"Whose artifact it is cannot be read: {error}.") from error
        uri = default_uri if record.output_uri in ("", DEFAULT_PLACE) else record.output_uri
        return upload(artifact, file, uri, record)

    return upload_from
