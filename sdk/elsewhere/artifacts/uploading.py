"""Uploading: the delivery of a journal brings the journal's files to their place."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from elsewhere import storage
from elsewhere.artifacts.places import upload_url
from elsewhere.core.clock import now_at
from elsewhere.core.errors import RecordError, StorageError
from elsewhere.core.notes import SessionSpec
from elsewhere.core.uploads import Placed, Upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import TaskRecord

#: brings the file of an upload from a run folder to its place; raises StorageError
Uploader: TypeAlias = "Callable[[RunFolder, Upload], Placed]"

#: the output_uri of a task whose files go to the default place of the delivery
DEFAULT_PLACE: Final = "default"


def bring(upload: Upload, record: TaskRecord) -> Placed:
    """Uploads the file for the task of `record`. May be called twice.

    The machine in the result is that of this process; `upload` may come from another one, such as
    a container. Raises StorageError.
    """
    url = upload_url(upload, record)
    storage.upload(upload.file, url)
    return Placed(url=url, machine=socket.gethostname(), uploaded_at=now_at())


def uploader(default_uri: str) -> Uploader:
    """An uploader with `default_uri` as the place of tasks that name none of their own."""

    def upload_from(folder: RunFolder, upload: Upload) -> Placed:
        what = f"The {upload.kind} {upload.name!r} cannot be uploaded: the record of its task"
        try:
            spec = SessionSpec.read(folder)
        except RecordError as error:
            raise StorageError(f"{what} cannot be read: {error}") from error
        if spec is None:
            raise StorageError(f"{what} is gone, {folder.spec}.")
        record = spec.record
        uri = default_uri if record.output_uri in ("", DEFAULT_PLACE) else record.output_uri
        return bring(replace(upload, place=upload.place or uri), record)

    return upload_from
