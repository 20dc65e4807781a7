"""An artifact as its user reads it: the record, and the way to the bytes or the object."""

from __future__ import annotations

import hashlib
import logging
import re
import socket
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, overload

from elsewhere.artifacts.places import file_name
from elsewhere.artifacts.serializers import SERIALIZERS
from elsewhere.artifacts.transfer import AbsentError, AwayError
from elsewhere.core.errors import ElsewhereError, StorageError
from elsewhere.storage import beside, download, is_file_url, local_path, sha256_of
from elsewhere.storage.copies.cache import CACHE_BYTES, FOLDER, OURS, evict, hold
from elsewhere.storage.copies.unpacking import unpacked
from elsewhere.storage.copies.zips import unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.artifacts.far import FarFile
    from elsewhere.artifacts.serializers import Format
    from elsewhere.core.records import Artifact

logger = logging.getLogger(__name__)

_DIGEST: Final = re.compile("[0-9a-f]{64}")
#: stands for an object that was not read yet: None may be an object
_UNREAD: Final = object()


class _Reading:
    """Keeps an entry in the cache while a call reads it."""


class ArtifactHandle:
    """The record of one artifact, and the way to its bytes, with local copies in `cache`.

    Bytes are checked against the digest before they are returned; only a link has no digest. The
    cache is limited to `limit_bytes`; a copy stays in it at least as long as the object that
    returned it. A file on the disk of another machine is brought by `far`.
    """

    #: the word for it in messages
    _noun: ClassVar[str] = "artifact"

    def __init__(
        self,
        artifact: Artifact,
        cache: Path,
        limit_bytes: int = CACHE_BYTES,
        far: FarFile | None = None,
    ) -> None:
        self._artifact = artifact
        self._cache = cache
        self._limit_bytes = limit_bytes
        self._far = far
        self._place: Path | None = None
        self._object: object = _UNREAD

    def __repr__(self) -> str:
        return f"<Artifact {self.name!r}: {self.type}, {self.size} bytes, at {self.url!r}>"

    @property
    def name(self) -> str:
        """The name, unique within the task."""
        return self._artifact.name

    @property
    def type(self) -> str:
        """`file`, `archive`, `custom`, or the kind of object: `dict`, `numpy`, `pandas`, ..."""
        return self._artifact.type

    @property
    def url(self) -> str:
        """The URL of the bytes, empty until they are uploaded."""
        return self._artifact.url

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self._artifact.size_bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes, in hex; empty for a link."""
        return self._artifact.digest

    @property
    def hash(self) -> str:
        """Another name of `digest`."""
        return self._artifact.digest

    @property
    def mode(self) -> str:
        """Always `output`: artifacts are made by their task."""
        return "output"

    @property
    def timestamp(self) -> datetime:
        """The time of the upload, in UTC."""
        return datetime.fromtimestamp(self._artifact.uploaded_at, timezone.utc)

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata given at the upload."""
        return dict(self._artifact.metadata)

    @property
    def preview(self) -> str:
        """The beginning of the content, as text."""
        return self._artifact.preview

    def get(
        self,
        force_download: bool = False,
        deserialization_function: Callable[[bytes], Any] | None = None,
        block_unsafe_artifacts: bool = False,
    ) -> Any:
        """The object; for a file its local path, for an archive that of its folder.

        It is read once: later calls return the same object, unless `force_download` is given.
        Reading a pickle runs code of its writer: `block_unsafe_artifacts` refuses all pickles.
        `deserialization_function` makes the object from the file's bytes, for any type, and on
        each call.

        Raises StorageError, also for a file that cannot be read as its type, and what
        `deserialization_function` raises.
        """
        reading = _Reading()
        if deserialization_function is not None:
            return deserialization_function(self._file(reading, force_download).read_bytes())
        form = self._format()
        if form is None:
            return self._local_copy(force_download=force_download)
        if form.is_pickle:
            self._check_pickle(is_blocked=block_unsafe_artifacts)
        if self._object is not _UNREAD and not force_download:
            return self._object
        file = self._file(reading, force_download)
        try:
            types = self._artifact.types
            if types and form.read_typed is not None:
                self._object = form.read_typed(file, types)
            else:
                self._object = form.read(file)
        except ElsewhereError:
            raise
        except Exception as error:  # each library has errors of its own, and pickles all of them
            raise StorageError(
                f"The {self._noun} {self.name!r} cannot be read as {form.content_type}, although "
                f"it is a {self.type}: {type(error).__name__}: {error}. Use get_local_copy to look "
                "at its file."
            ) from error
        return self._object

    @overload
    def get_local_copy(
        self,
        extract_archive: bool = ...,
        raise_on_error: Literal[True] = ...,
        force_download: bool = ...,
    ) -> Path: ...

    @overload
    def get_local_copy(
        self, extract_archive: bool = ..., *, raise_on_error: bool, force_download: bool = ...
    ) -> Path | None: ...

    def get_local_copy(
        self,
        extract_archive: bool = True,
        raise_on_error: bool = True,
        force_download: bool = False,
    ) -> Path | None:
        """The local path of the file, for an archive that of its folder; do not write to it.

        A file of this machine is given directly; anything else is downloaded once, or anew with
        `force_download`. With `extract_archive` False an archive is given as its zip file. Raises
        StorageError; with `raise_on_error` False that is a warning, and the path is None.
        """
        try:
            return self._local_copy(extract=extract_archive, force_download=force_download)
        except StorageError as error:
            if raise_on_error:
                raise
            logger.warning("%s", error)
            return None

    def copy_to(self, target: Path) -> None:
        """Copies the file to `target`, whole or not at all, and past the cache; an archive as its
        zip file. Raises StorageError."""
        self._check_uploaded()
        far = self._far if is_file_url(self.url) else None
        if far is not None and not self._is_here(local_path(self.url)):
            self._bring(target, far)
        else:
            self._download(target)

    def is_same(self, path: Path) -> bool:
        """Whether the file `path` has the bytes of the artifact, if those are known. Raises
        OSError."""
        return bool(self.digest) and sha256_of(path) == self.digest

    def _format(self) -> Format | None:
        """The format that reads the file; None for a file that is given as it is."""
        serializer = SERIALIZERS.get(self.type)
        if serializer is None:
            return None
        formats = list(serializer.formats().values())
        wanted = self._artifact.content_type
        return next((form for form in formats if form.content_type == wanted), formats[0])

    def _check_pickle(self, *, is_blocked: bool) -> None:
        if is_blocked:
            raise StorageError(
                f"The {self._noun} {self.name!r} is refused: it is a pickle, and reading one runs "
                "code of its writer. Use get_local_copy to look at its file, or leave out "
                "block_unsafe_artifacts if you trust its task."
            )
        if not self.digest:
            raise StorageError(
                f"The {self._noun} {self.name!r} is refused: it is a pickle without a digest, and "
                "may have been replaced. Use get_local_copy to look at its file."
            )

    def _local_copy(self, *, extract: bool = True, force_download: bool = False) -> Path:
        file = self._file(self, force_download)
        if self.type != "archive" or not extract:
            return self._by_its_name(file)
        place = self._held(self)
        is_there = (place / FOLDER).is_dir() and not force_download
        folder = unpacked(unpack, file, place, is_forced=force_download)
        if not is_there:
            evict(self._cache, self._limit_bytes)
        return folder

    def _file(self, holder: object, force_download: bool) -> Path:
        """The checked file; in the cache it stays as long as `holder` lives."""
        self._check_uploaded()
        if is_file_url(self.url) and self._is_here(path := local_path(self.url)):
            return path
        place = self._held(holder)
        file = place / _file_name(self.url)
        if file.is_file() and not force_download:
            with suppress(StorageError):  # changed by hand: it is downloaded anew
                self._check(file)
                return file
        far = self._far if is_file_url(self.url) else None
        if far is not None:
            self._bring(file, far)
        else:
            self._download(file)
        file.chmod(0o444)  # a change by hand would cost a download
        evict(self._cache, self._limit_bytes)
        return file

    def _check_uploaded(self) -> None:
        if not self.url:
            raise StorageError(
                f"The {self._noun} {self.name!r} is not uploaded yet: it is still on the machine "
                f"{self._artifact.machine!r} that runs its task. Try again a little later."
            )

    def _is_here(self, path: Path) -> bool:
        """Whether the file is on a disk of this machine; another machine may have its name. Raises
        StorageError where it is not, and no other can be asked."""
        if not path.is_file():
            if self._far is None:
                raise StorageError(self._missing(path))
            return False
        try:
            self._check(path)
        except StorageError:
            if self._far is None or not self._is_elsewhere(path):
                raise
            return False
        return True

    def _download(self, file: Path) -> None:
        with beside(file) as fresh:
            download(self.url, fresh)
            self._check(fresh)

    def _bring(self, file: Path, far: FarFile) -> None:
        try:
            far.bring(file, self._check)
        except AbsentError as error:
            path = local_path(self.url)
            if self._is_elsewhere(path):
                where = f"is not here, but on {self._artifact.machine!r}. {error}"
            else:
                where = f"is gone: there is no file {path} on {socket.gethostname()} any more"
                is_away = isinstance(error, AwayError)
                where += f", unless another machine has this name. {error}" if is_away else "."
            raise StorageError(f"The {self._noun} {self.name!r} {where}") from error

    def _by_its_name(self, file: Path) -> Path:
        """The path of the file by its own name: a link in the cache if it lies under another."""
        name = _file_name(self.url)
        if name in (file.name, "artifact"):
            return file
        link = self._held(self) / name
        with beside(link) as fresh:
            fresh.symlink_to(file)
        return link

    def _held(self, holder: object) -> Path:
        if self._place is not None:
            return self._place
        known = _DIGEST.fullmatch(self.digest)
        key = self.digest if known else "link-" + hashlib.sha256(self.url.encode()).hexdigest()
        place = hold(self._cache, key, holder)
        if holder is self:
            self._place = place
        return place

    def _check(self, file: Path) -> None:
        if self.digest and sha256_of(file) != self.digest:
            raise StorageError(
                f"The {self._noun} {self.name!r} is not what was uploaded: the bytes at {self.url} "
                f"do not match the digest {self.digest}. They were changed since, or replaced by a "
                "later upload: reload the task, or run it again."
                + (f" {self._elsewhere(file)}" if self._is_elsewhere(file) else "")
            )

    def _missing(self, path: Path) -> str:
        if not self._is_elsewhere(path):
            return (
                f"The {self._noun} {self.name!r} is gone: there is no file {path} on "
                f"{socket.gethostname()} any more."
            )
        return f"The {self._noun} {self.name!r} is not here. {self._elsewhere(path)}"

    def _is_elsewhere(self, file: Path) -> bool:
        """Whether `file` is on the disk of another machine."""
        is_cached = file.is_relative_to(self._cache)
        return not is_cached and self._artifact.machine not in ("", socket.gethostname())

    def _elsewhere(self, path: Path) -> str:
        return (
            f"It lies on the machine {self._artifact.machine!r}, as {path}, and this is "
            f"{socket.gethostname()!r}. Read it there; or set output_uri to a place that both "
            "reach, such as a shared folder or an s3 URL, and run its task again."
        )


def _file_name(url: str) -> str:
    """The name of the file at `url`; `artifact` when that cannot be one in the cache."""
    name = file_name(url)
    is_one = name.strip(".") and not {"/", "\0"} & set(name) and name not in OURS
    return name if is_one else "artifact"
