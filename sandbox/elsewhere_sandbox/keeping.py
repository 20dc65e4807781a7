"""Files that a run wrote and that its operator wants kept for good: they become artifacts."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
import secrets
import shutil
import socket
from typing import TYPE_CHECKING, BinaryIO, Final

from elsewhere.core.events import ArtifactAdded
from elsewhere.core.folders import make_folder
from elsewhere.core.records import Artifact
from elsewhere_sandbox.written import open_written

if TYPE_CHECKING:
    from collections.abc import Collection

    from elsewhere.core.folders import RunFolder

#: how the parts of a pattern are written as a regular expression
_PARTS: Final = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_SPLIT: Final = re.compile(r"(\*\*/|\*\*|\*|\?)")


def matching(paths: Collection[str], patterns: Collection[str]) -> list[str]:
    """Returns those of the `paths`, relative to the code, that one of the `patterns` matches: `*`
    stands for any name, `**` for any folders, as in `out/**` and `**/*.pt`."""
    found = re.compile("|".join(f"(?:{_expression(one)})" for one in patterns) or "(?!)", re.DOTALL)
    return [path for path in paths if found.fullmatch(path)]


def keep(folder: RunFolder, path: str) -> ArtifactAdded:
    """Copies the file that the program wrote at `path` to where uploads are taken from; the path,
    as text, is the artifact's name. Raises OSError, and RecordError for what is not such a file."""
    with os.fdopen(open_written(folder, path), "rb") as source:
        name = os.fsencode(path).decode(errors="replace")
        return add(folder, source, name, path.rpartition("/")[2])


def add(
    folder: RunFolder, source: BinaryIO, name: str, file: str, kind: str = "file"
) -> ArtifactAdded:
    """Copies what `source` has to where uploads are taken from, as an artifact of the type `kind`
    whose file is called `file`. Raises OSError."""
    place = folder.files / secrets.token_hex(8)
    make_folder(place)
    copy = place / file
    try:
        with copy.open("xb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)  # half a copy would only fill the disk
        raise
    with copy.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    artifact = Artifact(
        name=name,
        type=kind,
        size_bytes=copy.stat().st_size,
        digest=digest,
        content_type=mimetypes.guess_type(file)[0] or "application/octet-stream",
        machine=socket.gethostname(),
    )
    return ArtifactAdded(artifact=artifact, file=str(copy.relative_to(folder.path)))


def _expression(pattern: str) -> str:
    return "".join(_PARTS.get(part) or re.escape(part) for part in _SPLIT.split(pattern))
