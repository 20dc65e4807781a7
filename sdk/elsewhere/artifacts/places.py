"""Where artifacts lie: `<output_uri>/<project>/<task>.<task id>/artifacts/<artifact>/<file>`."""

from __future__ import annotations

import hashlib
import string
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.clock import now_at
from elsewhere.errors import StorageError
from elsewhere.storage import file_url, local_path, storage_for

if TYPE_CHECKING:
    from elsewhere.records import Artifact, TaskRecord

__all__ = ["artifact_url", "quoted", "upload"]

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
    parts = [
        quoted(project),
        f"{quoted(name, longest=_LONGEST - 40)}.{quoted(task_id)}",
        "artifacts",
        quoted(artifact_name),
        quoted(file_name),
    ]
    is_file = "://" not in output_uri or output_uri.lower().startswith("file://")
    if is_file and not output_uri:
        raise StorageError("There is no place for artifacts: set output_uri to a folder or a URL.")
    root = file_url(local_path(output_uri)) if is_file else output_uri
    return "/".join([root.rstrip("/"), *parts])


def upload(artifact: Artifact, file: Path, output_uri: str, record: TaskRecord) -> Artifact:
    """Brings the staged file to its place; the artifact with its URL. May be called twice.

    Raises StorageError.
    """
    url = artifact_url(output_uri, record.project, record.name, record.id, artifact.name, file.name)
    storage_for(url).upload(file, url)
    return replace(artifact, url=url, uploaded_at=now_at())


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
