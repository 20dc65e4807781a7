"""Where artifacts and models lie: below `<output_uri>/<project>/<task>.<task id>/`

artifacts/<artifact>/<file>
models/<model id>/<file>
"""

from __future__ import annotations

import hashlib
import socket
import string
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from elsewhere import storage
from elsewhere.core.clock import now_at
from elsewhere.core.errors import StorageError
from elsewhere.storage import file_url, is_file_url, local_path

if TYPE_CHECKING:
    from elsewhere.core.records import Artifact, TaskRecord

__all__ = ["WEIGHTS", "artifact_url", "is_kept_for", "quoted", "upload", "weights_url"]

#: the type of the artifact that stands for a model's weights while they are uploaded
WEIGHTS: Final = "weights"

#: what every file system, object store and URL takes as it is
_PLAIN: Final = frozenset((string.ascii_letters + string.digits + "-_.").encode())
#: bytes of one part of a path: file systems take 255
_LONGEST: Final = 240
#: hex digits of the digest that ends a part which had to be shortened
_DIGITS: Final = 32


def artifact_url(
    output_uri: str, project: str, name: str, task_id: str, artifact_name: str, file_name: str
) -> str:
    """The artifact's URL below `output_uri`, a URL or a path; other names give other URLs."""
    return _below(output_uri, project, name, task_id, "artifacts", artifact_name, file_name)


def weights_url(output_uri: str, record: TaskRecord, model_id: str, file_name: str) -> str:
    """The URL of a model's weights: models whose files have one name lie beside each other."""
    of_task = (record.project, record.name, record.id)
    return _below(output_uri, *of_task, "models", model_id, file_name)


def _below(output_uri: str, project: str, name: str, task_id: str, *parts: str) -> str:
    folder = f"{quoted(name, longest=_LONGEST - 40)}.{quoted(task_id)}"
    below = [quoted(project), folder, *map(quoted, parts)]
    if not output_uri:
        raise StorageError("There is no place for artifacts: set output_uri to a folder or a URL.")
    root = file_url(local_path(output_uri)) if is_file_url(output_uri) else output_uri
    return "/".join([root.rstrip("/"), *below])


def upload(artifact: Artifact, file: Path, output_uri: str, record: TaskRecord) -> Artifact:
    """Brings the staged file to its place; the artifact with its URL. May be called twice.

    Weights, as `Delivery` has them, go below their own URL where they have one.

    A file of a machine is a file of the one that calls this, which need not be where the artifact
    was made: that may have been a container. Raises StorageError.
    """
    of_task = (record.project, record.name, record.id)
    if artifact.type == WEIGHTS:
        url = weights_url(artifact.url or output_uri, record, artifact.name, file.name)
    else:
        url = artifact_url(output_uri, *of_task, artifact.name, file.name)
    storage.upload(file, url)
    return replace(artifact, url=url, uploaded_at=now_at(), machine=socket.gethostname())


def is_kept_for(task_id: str, url: str) -> bool:
    """Whether it lies where the task's files are uploaded to, so that it may be deleted with them:
    what a record says may be of the program, and lead elsewhere by links and `..`."""
    try:
        is_file = storage.is_file_url(url)
        folders = storage.local_path(url).parent.resolve().parts if is_file else url.split("/")[:-1]
    except (OSError, ValueError, RuntimeError, StorageError):  # no path; links in a circle
        return False
    is_below = any(folder.endswith(f".{task_id}") for folder in folders)
    return bool(task_id) and is_below and ".." not in map(unquote, folders)


def quoted(text: str, *, longest: int = _LONGEST) -> str:
    """`text` as one part of a path: letters, digits, `-_.` as they are, other bytes as `=HH`.

    Reversible, but for text that becomes longer than `longest`: it ends in `=~` and a digest then.
    `=` rather than `%`, which would be quoted or unquoted once more on the way.
    """
    block = text.encode("utf-8", "surrogatepass")
    if not block.strip(b"."):  # the folder itself, or the one above
        return "".join(f"={byte:02X}" for byte in block) or "="
    part = "".join(chr(byte) if byte in _PLAIN else f"={byte:02X}" for byte in block)
    if len(part) <= longest:
        return part
    digest = hashlib.sha256(block).hexdigest()[:_DIGITS]
    return f"{part[: longest - _DIGITS - 2]}=~{digest}"
