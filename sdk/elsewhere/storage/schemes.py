"""Which storage a URL lies in.

file, or a path    FileStorage      Python alone
http, https        WebStorage       Python alone; read only
s3                 S3Storage        fsspec and s3fs
gs, az             RemoteStorage    fsspec and the scheme's driver
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import StorageError, known_choices
from elsewhere.storage.files import FileStorage
from elsewhere.storage.masking import refuse_credentials
from elsewhere.storage.object_stores import RemoteStorage
from elsewhere.storage.s3 import S3Storage
from elsewhere.storage.web import WebStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.storage.api import Storage

__all__ = ["STORAGES", "check", "storage_for"]

STORAGES: Final[dict[str, Callable[[], Storage]]] = {
    "file": FileStorage,
    "http": WebStorage,
    "https": WebStorage,
    "s3": S3Storage,
    "gs": lambda: RemoteStorage("gs", package="gcsfs"),
    "az": lambda: RemoteStorage("az", package="adlfs"),
}


def storage_for(url: str) -> Storage:
    """The storage that `url` lies in; a path without a scheme is a file.

    Raises StorageError for an unknown scheme, and for a URL with credentials.
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        return FileStorage()
    known = STORAGES.get(scheme.lower())
    if known is None:
        raise StorageError(
            f"There is no storage for the scheme {scheme!r} of a URL. "
            f"{known_choices(scheme, STORAGES)}"
        )
    refuse_credentials(url)
    return known()


def check(uri: str) -> None:
    """StorageError, with one sentence, when a task cannot keep its files below `uri`.

    It asks the storage itself, for 5 seconds at most, and leaves nothing there. For a driver's URL
    it also starts what the driver needs, so that files can still go there at the program's end.
    """
    refuse_credentials(uri, is_kept=True)
    storage_for(uri).check(uri)
