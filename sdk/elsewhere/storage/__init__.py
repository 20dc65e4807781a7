"""Storage: bytes at a URL. What is too big for a record lies here. It knows no tasks.

file, or a path    FileStorage      Python alone
http, https        WebStorage       Python alone; read only
s3, gs, az         RemoteStorage    fsspec and the scheme's driver
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.errors import StorageError, known_choices
from elsewhere.storage.files import FileStorage, copy_file, file_url, local_path, sha256_of
from elsewhere.storage.remote import RemoteStorage
from elsewhere.storage.web import WebStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.storage.api import Storage

__all__ = ["STORAGES", "copy_file", "file_url", "local_path", "sha256_of", "storage_for"]

STORAGES: Final[dict[str, Callable[[], Storage]]] = {
    "file": FileStorage,
    "http": WebStorage,
    "https": WebStorage,
    "s3": lambda: RemoteStorage("s3", package="s3fs"),
    "gs": lambda: RemoteStorage("gs", package="gcsfs"),
    "az": lambda: RemoteStorage("az", package="adlfs"),
}


def storage_for(url: str) -> Storage:
    """The storage that `url` lies in; a path without a scheme is a file.

    Raises StorageError for an unknown scheme, and for a URL with credentials.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return FileStorage()
    known = STORAGES.get(scheme.lower())
    if known is None:
        raise StorageError(
            f"There is no storage for the scheme {scheme!r} of a URL. "
            f"{known_choices(scheme, STORAGES)}"
        )
    if "@" in rest.partition("/")[0]:
        raise StorageError(
            f"A {scheme} URL with a user name or password is refused: URLs are kept in records "
            "that others can read. Leave them out, and give the machine credentials in the way in "
            "which the storage's own tools expect them."
        )
    return known()
