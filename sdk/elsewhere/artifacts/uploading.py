"""Uploading what a run folder holds: who delivers a journal brings the artifacts along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from elsewhere.artifacts.places import upload
from elsewhere.core.codec import from_plain
from elsewhere.core.errors import RecordError, StorageError
from elsewhere.core.folders import read_json
from elsewhere.core.records import TaskRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import Artifact

__all__ = ["DEFAULT_PLACE", "Uploader", "uploader"]

#: brings a staged file to its place, and gives the artifact with its URL; raises StorageError
Uploader: TypeAlias = "Callable[[RunFolder, Artifact, Path], Artifact]"

#: the output_uri of a task that wants the place of whoever delivers it
DEFAULT_PLACE: Final = "default"


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
