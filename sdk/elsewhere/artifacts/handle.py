"""An artifact of a task, seen by whoever wants to use it."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.artifacts.archive import unpack
from elsewhere.errors import StorageError
from elsewhere.storage import local_path, sha256_of, storage_for

if TYPE_CHECKING:
    from elsewhere.records import Artifact, Json

__all__ = ["ArtifactHandle"]

_DIGEST: Final = re.compile("[0-9a-f]{64}")
#: types whose file is JSON
_JSON_TYPES: Final = ("bool", "dict", "list", "number")


class ArtifactHandle:
    """One artifact's record, and the way to its bytes. Local copies are kept in `cache`.

    What is given out has been checked against the artifact's digest: it is what was uploaded.
    """

    def __init__(self, artifact: Artifact, cache: Path) -> None:
        self._artifact = artifact
        self._cache = cache

    def __repr__(self) -> str:
        return f"<Artifact {self.name!r}: {self.type}, {self.size} bytes, at {self.url!r}>"

    @property
    def name(self) -> str:
        return self._artifact.name

    @property
    def type(self) -> str:
        """`file`, `archive`, or the kind of object: `dict`, `list`, `string`, `number`, `bool`."""
        return self._artifact.type

    @property
    def url(self) -> str:
        """Empty as long as it is not uploaded."""
        return self._artifact.url

    @property
    def size(self) -> int:
        """Bytes."""
        return self._artifact.size_bytes

    @property
    def digest(self) -> str:
        """The sha256 of the bytes at `url`."""
        return self._artifact.digest

    @property
    def timestamp(self) -> datetime:
        """When it was uploaded, UTC."""
        return datetime.fromtimestamp(self._artifact.uploaded_at, timezone.utc)

    @property
    def metadata(self) -> dict[str, str]:
        return dict(self._artifact.metadata)

    @property
    def preview(self) -> str:
        return self._artifact.preview

    def get(self) -> Json | Path:
        """The object again; of a file its local path, of an archive that of its folder.

        Raises StorageError.
        """
        path = self.get_local_copy()
        if self.type == "string":
            return path.read_bytes().decode("utf-8", "surrogatepass")
        if self.type not in _JSON_TYPES:
            return path
        try:
            value: Json = json.loads(path.read_bytes())
        except ValueError as error:
            raise StorageError(
                f"The artifact {self.name!r} is no JSON, although it is a {self.type}: {error}. "
                "Use get_local_copy to look at its file."
            ) from error
        return value

    def get_local_copy(self, extract_archive: bool = True) -> Path:
        """The path of its file here, of an archive that of its folder. Not to be written to.

        A file of this machine is given directly; anything else is downloaded once.
        Raises StorageError.
        """
        if not self.url:
            raise StorageError(
                f"The artifact {self.name!r} is not uploaded yet: it is still on the machine "
                f"{self._artifact.machine!r} that runs its task. Try again a little later."
            )
        place = self._cache / (self.digest if _DIGEST.fullmatch(self.digest) else "unchecked")
        file = self._file(place)
        if self.type != "archive" or not extract_archive:
            return file
        folder = place / "folder"
        if not folder.is_dir():
            beside = place / f".{secrets.token_hex(8)}.partial"
            unpack(file, beside)
            with suppress(OSError):  # another process was faster, with the same content
                beside.rename(folder)
            shutil.rmtree(beside, ignore_errors=True)
        return folder

    def _file(self, place: Path) -> Path:
        storage = storage_for(self.url)
        if "://" not in self.url or self.url.lower().startswith("file://"):
            path = local_path(self.url)
            if not path.is_file():
                raise StorageError(self._missing(path))
            self._check(path)
            return path
        file = place / _file_name(self.url)
        if file.is_file():
            return file
        fresh = place / f".{secrets.token_hex(8)}.fresh"
        try:
            storage.download(self.url, fresh)
            self._check(fresh)
            fresh.chmod(0o444)  # a change by hand would be given out as the artifact ever after
            fresh.rename(file)
        finally:
            fresh.unlink(missing_ok=True)
        return file

    def _check(self, file: Path) -> None:
        if self.digest and sha256_of(file) != self.digest:
            raise StorageError(
                f"The artifact {self.name!r} is not what was uploaded: the bytes at {self.url} do "
                f"not match the digest {self.digest}. They were changed since, or replaced by a "
                "later upload: reload the task, or run it again."
            )

    def _missing(self, path: Path) -> str:
        here, there = socket.gethostname(), self._artifact.machine
        if there in ("", here):
            return (
                f"The artifact {self.name!r} is gone: there is no file {path} on {here} any more."
            )
        return (
            f"The artifact {self.name!r} lies on the machine {there!r}, as {path}, and this is "
            f"{here!r}. Read it there, or set output_uri to a place that both reach, such as a "
            "shared folder or an s3 URL, and run its task again."
        )


def _file_name(url: str) -> str:
    """The last part of the URL's path; `artifact` when that is no file name."""
    name = os.path.basename(url.partition("?")[0])  # noqa: PTH119 - a URL is no path
    return name if name.strip(".") and "\0" not in name else "artifact"
