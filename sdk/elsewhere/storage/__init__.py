"""Storage: bytes at a URL, for all that is too big for a record. Nothing here knows of tasks."""

from __future__ import annotations

from elsewhere.storage.files import (
    beside,
    copy_file,
    file_url,
    is_file_url,
    local_path,
    resumed,
    sha256_of,
)
from elsewhere.storage.schemes import (
    STORAGES,
    check,
    check_driver,
    refuse_credentials,
    storage_for,
)
from elsewhere.storage.transfers import delete, download, upload

__all__ = [
    "STORAGES",
    "beside",
    "check",
    "check_driver",
    "copy_file",
    "delete",
    "download",
    "file_url",
    "is_file_url",
    "local_path",
    "refuse_credentials",
    "resumed",
    "sha256_of",
    "storage_for",
    "upload",
]
