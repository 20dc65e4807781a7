"""The storage of each URL scheme.

file, or a path    FileStorage      Python alone
http, https        WebStorage       Python alone; read only
s3                 S3Storage        fsspec and s3fs
gs, az             RemoteStorage    fsspec and the scheme's driver
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import StorageError, known_choices
from elsewhere.core.secrets import hide_passwords
from elsewhere.storage.files import FileStorage
from elsewhere.storage.object_stores import RemoteStorage
from elsewhere.storage.s3 import S3Storage
from elsewhere.storage.web import WebStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.storage.api import Storage

STORAGES: Final[dict[str, Callable[[], Storage]]] = {
    "file": FileStorage,
    "http": WebStorage,
    "https": WebStorage,
    "s3": S3Storage,
    "gs": lambda: RemoteStorage("gs", package="gcsfs"),
    "az": lambda: RemoteStorage("az", package="adlfs"),
}


def storage_for(url: str) -> Storage:
    """The storage of `url`; a path without a scheme is a file.

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
    """Raises StorageError unless a task can write its files below `uri`.

    It writes to the storage, for 5 seconds at most, and leaves nothing there. That also starts the
    threads of a driver: at the program's end, when files may still be uploaded, Python starts none.
    """
    refuse_credentials(uri, is_kept=True)
    storage_for(uri).check(uri)


def check_driver(uri: str) -> None:
    """Raises StorageError unless this machine knows the scheme of `uri` and has its driver; asks
    nothing of the storage."""
    storage = storage_for(uri)
    if isinstance(storage, RemoteStorage):
        storage.check_driver()


def refuse_credentials(url: str, *, is_kept: bool = False) -> None:
    """StorageError for a URL with a user name or password; one that `is_kept` in a record may not
    have a signature, token or key among its parameters either."""
    scheme, _, rest = url.partition("://")
    if "@" in rest.partition("/")[0]:
        raise StorageError(
            f"A {scheme} URL with a user name or password is refused: URLs are kept in records "
            "that others can read. Leave them out, and give the machine credentials in the way in "
            "which the storage's own tools expect them."
        )
    if is_kept and scheme.lower() in ("http", "https") and hide_passwords(url) != url:
        raise StorageError(
            f"The URL {hide_passwords(url)} is refused: it holds a signature, token or key, and "
            "would be kept in a record that others can read. Download the file and use that, or "
            "use a URL that needs none."
        )
