"""Data that a task names: files and folders beside its code, sent once for each content.

A folder travels as a tar archive in which all that differs between two machines is the same: times,
owners, the order of its files.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from elsewhere import storage
from elsewhere.core.errors import CaptureError, TooLargeError
from elsewhere.core.say import say
from elsewhere.core.wording import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.core.data import Data
    from elsewhere.core.settings import Settings
    from elsewhere.store.api import TaskStore


def send(data: Data, root: Path, store: TaskStore, place: str, settings: Settings) -> Data:
    """Brings what lies at the path of `data` below `root` to where machines can read it, if it is
    not there yet: below the URL `place`, or into the `store` where that is empty or a folder.

    Raises CaptureError for what cannot travel, TooLargeError for what is too large for the store,
    and StorageError.
    """
    path = root / data.path
    try:
        if not path.is_dir():
            return _send(data, path, store, place, settings)
        with _packed(path, settings.home.path) as archive:
            return _send(replace(data, is_folder=True), archive, store, place, settings)
    except OSError as error:
        raise CaptureError(f"The data {data.path!r} cannot travel: {error}.") from error


def _send(data: Data, file: Path, store: TaskStore, place: str, settings: Settings) -> Data:
    size_bytes, limit_bytes = file.stat().st_size, settings.capture_limit_bytes
    is_shared = bool(place) and not storage.is_file_url(place)
    if not is_shared and size_bytes > limit_bytes:
        raise TooLargeError(
            f"The data {data.path!r} cannot travel by the store: its {size(size_bytes)} are more"
            f" than the {size(limit_bytes)} that may. Give the task an output_uri that other"
            " machines read, s3://bucket for example, or name a folder of the agent's machine by"
            " mounts, or raise the limit with ELSEWHERE_CAPTURE_LIMIT_BYTES."
        )
    digest = storage.sha256_of(file)
    sent = replace(data, digest=digest, size_bytes=size_bytes)
    if not is_shared:
        store.put_blob(digest, file.read_bytes())
        return sent
    url = f"{place.rstrip('/')}/data/{digest}"
    if not storage.storage_for(url).exists(url):
        say(f"sending {data.path} ({size(size_bytes)}) to {url}")
        storage.upload(file, url)
    return replace(sent, url=url)


@contextmanager
def _packed(folder: Path, scratch: Path) -> Iterator[Path]:
    """The archive of the files in the folder, in `scratch` until the end."""
    with tempfile.NamedTemporaryFile(dir=scratch, prefix=".data-") as made:
        with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in _files(folder):
                member = tarfile.TarInfo(path.relative_to(folder).as_posix())
                with path.open("rb") as file:
                    member.size = os.fstat(file.fileno()).st_size
                    archive.addfile(member, file)
        made.flush()
        yield Path(made.name)


def _files(folder: Path) -> Iterator[Path]:
    """Yields all files below the folder, sorted; of a link to a file, that. Raises CaptureError for
    what is neither a file nor a folder of it."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in folders:
            if (link := Path(parent, name)).is_symlink():
                raise CaptureError(
                    f"The data in {folder} cannot travel: {link} is a link to a folder. Put the"
                    " files there, or name that folder as data as well."
                )
        for name in sorted(names):
            path = Path(parent, name)
            if not path.is_file():
                raise CaptureError(f"The data in {folder} cannot travel: {path} is no file.")
            yield path
