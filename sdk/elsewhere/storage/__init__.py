"""Storage: bytes at a URL. What is too big for a record lies here. It knows no tasks."""

from __future__ import annotations

from elsewhere.storage.api import Found, PassingError, Storage
from elsewhere.storage.files import (
    beside,
    copy_file,
    file_url,
    is_file_url,
    local_path,
    sha256_of,
)
from elsewhere.storage.schemes import STORAGES, check, refuse_credentials, storage_for
from elsewhere.storage.transfers import delete, download, upload

__all__ = [
    "STORAGES",
    "Found",
    "PassingError",
    "Storage",
    "beside",
    "check",
    "copy_file",
    "delete",
    "download",
    "file_url",
    "is_file_url",
    "local_path",
    "refuse_credentials",
    "sha256_of",
    "storage_for",
    "upload",
]
