"""Where the uploads of a task lie: below `<output_uri>/<project>/<task>.<task id>/`

artifacts/<artifact>/<file>
models/<model id>/<file>
<kind>s/<name>/<file>      for every other kind

No other module makes or reads such a URL.
"""

from __future__ import annotations

import hashlib
import re
import string
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_to_bytes

from elsewhere import storage
from elsewhere.core.errors import StorageError
from elsewhere.storage import file_url, is_file_url, local_path

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.core.records import TaskRecord
    from elsewhere.core.uploads import Upload

#: bytes that file systems, object stores and URLs take unquoted
_PLAIN: Final = frozenset((string.ascii_letters + string.digits + "-_.").encode())
#: bytes of one part of a path: file systems take 255
_LONGEST: Final = 240
#: the end of the URL of an upload
_UPLOADED: Final = re.compile(r"\.[0-9a-f]{32}/\w+s/[^/]+/[\w.=~-]+$", re.ASCII)
#: hex digits of the digest that ends a part which had to be shortened
_DIGITS: Final = 32


def upload_url(upload: Upload, record: TaskRecord) -> str:
    """The URL of `upload` below its place, a URL or a path, for the task of `record`.

    Each kind, name and file has a URL of its own. Raises StorageError without a place.
    """
    place = upload.place
    if not place:
        raise StorageError(
            f"There is no place for {upload.kind}s: set output_uri to a folder or a URL."
        )
    root = file_url(local_path(place)) if is_file_url(place) else place
    folder = quoted(record.name, longest=_LONGEST - 40) + _end_of_folder(record.id)
    parts = (f"{upload.kind}s", upload.name, upload.file.name)
    return "/".join([root.rstrip("/"), quoted(record.project), folder, *map(quoted, parts)])


def is_kept_for(task_id: str, url: str) -> bool:
    """Whether `url` lies in the folder of uploads of the task, so that it may be deleted with it.

    The program may have chosen the URL: one that leaves the folder by a link or `..` does not.
    """
    # Not compared with `upload_url`: task, project and output_uri may have changed since the
    # upload, and only the agent knows the default output_uri. The task's id never changes.
    try:
        is_file = storage.is_file_url(url)
        folders = storage.local_path(url).parent.resolve().parts if is_file else url.split("/")[:-1]
    except (OSError, ValueError, RuntimeError, StorageError):  # not a path; links in a circle
        return False
    is_below = any(folder.endswith(_end_of_folder(task_id)) for folder in folders)
    return bool(task_id) and is_below and ".." not in map(unquote, folders)


def is_upload(kind: str, name: str, task_id: str, path: Path) -> bool:
    """Whether an upload of this `kind` and `name` of the task may lie at `path`, whatever its file,
    its place and the task's names were."""
    *_, folder, kinds, called, _file = ("", "", "", *path.parts)
    ours = (f"{kind}s", quoted(name))
    return bool(task_id) and folder.endswith(_end_of_folder(task_id)) and (kinds, called) == ours


def upload_at(url: str) -> tuple[str, str, str] | None:
    """Task, kind and quoted name of the upload at `url`; None for a URL that `upload_url` did not
    make."""
    found = _UPLOADED.search(url.partition("?")[0])
    if found is None:
        return None
    folder, kinds, name, _ = found[0].split("/")
    return folder[1:], kinds[:-1], name


def file_name(url: str) -> str:
    """The name that the file at `url` had before its upload; for a URL that `upload_url` did not
    make, and for a name that was cut, the last part of the URL's path."""
    name = url.partition("?")[0].rpartition("/")[2]
    if not _UPLOADED.search(url.partition("?")[0]) or "=~" in name:
        return name
    try:
        return unquote_to_bytes(name.replace("=", "%")).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return name


def _end_of_folder(task_id: str) -> str:
    return f".{quoted(task_id)}"


def quoted(text: str, *, longest: int = _LONGEST) -> str:
    """`text` as one part of a path: letters, digits, `-_.` as they are, other bytes as `=HH`.

    A part longer than `longest` is cut and ends in `=~` and a digest; all others are reversible.
    It has `=` rather than `%`, which others would quote or unquote once more on the way.
    """
    block = text.encode("utf-8", "surrogatepass")
    if not block.strip(b"."):  # the folder itself, or the one above
        return "".join(f"={byte:02X}" for byte in block) or "="
    part = "".join(chr(byte) if byte in _PLAIN else f"={byte:02X}" for byte in block)
    if len(part) <= longest:
        return part
    digest = hashlib.sha256(block).hexdigest()[:_DIGITS]
    return f"{part[: longest - _DIGITS - 2]}=~{digest}"
