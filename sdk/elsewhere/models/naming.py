"""Ids of models, and the fields and the name that the URL of weights gives."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from elsewhere.core.errors import UsageError
from elsewhere.storage import file_url, is_file_url, refuse_credentials, storage_for
from elsewhere.store.model_records import place_of

if TYPE_CHECKING:
    from elsewhere.core.records import Json


def id_of_place(fields: Mapping[str, Json]) -> str:
    """The id of an imported model: that of its place, so that two programs make the same model."""
    return hashlib.sha256(f"model {place_of(fields)}".encode()).hexdigest()[:32]


def url_fields(what: str, given: object) -> dict[str, Json]:
    """The fields of weights that stay where they are; `given` is a URL, or a path of this machine.

    Raises UsageError, and StorageError for a URL of an unknown scheme or with credentials.
    """
    if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
        raise UsageError(f"{what} must be a URL, not {given!r:.80}.")
    text = os.fsdecode(given)
    url = text if "://" in text else file_url(Path(text))
    refuse_credentials(url, is_kept=True)
    storage_for(url)
    machine = socket.gethostname() if is_file_url(url) else ""
    return {"url": url, "machine": machine, "digest": "", "size_bytes": 0, "preview": ""}


def stem_of(url: str) -> str:
    """The name of weights in their URL, without its ending."""
    path = url.partition("?")[0].rstrip("/")
    return Path(path).stem or "model"
