"""`StorageManager`: files at URLs, without a task.

Downloads without a folder go to the cache of this machine's home, one entry for each URL and
version of its content, until they are evicted.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import deque
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, overload

from elsewhere.artifacts.places import upload_at
from elsewhere.core.checks import checked_text, checked_whole
from elsewhere.core.errors import StorageError, StoreUnavailableError, UsageError
from elsewhere.core.folders import named_path
from elsewhere.core.secrets import hide_passwords
from elsewhere.core.settings import load
from elsewhere.storage import (
    download,
    is_file_url,
    local_path,
    storage_for,
    upload,
)
from elsewhere.storage.api import Found
from elsewhere.storage.copies.cache import CACHE_BYTES, FOLDER, evict, hold
from elsewhere.storage.copies.unpacking import unpacked, unpacker
from elsewhere.storage.trying import RETRIES, retried
from elsewhere.storage.url_paths import below, file_name, inside, is_file_name, path_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.artifacts.far import FarFile

logger = logging.getLogger(__name__)

#: the last returned copies, which are not evicted; each is an open file
_HELD: Final = 100


class StorageManager:
    """Uploads and downloads files that are neither artifacts nor models.

    Each `remote_url` is an `s3://`, `gs://`, `az://`, `http(s)://` (read only) or `file://` URL, or
    a path. Raises StorageError if the storage fails, and UsageError for a wrong argument. Passing
    failures, such as those of a busy server, are tried again first.
    """

    _limit_entries: ClassVar[int | None] = None
    _held: ClassVar[deque[object]] = deque(maxlen=_HELD)

    @classmethod
    def get_local_copy(
        cls,
        remote_url: str,
        extract_archive: bool = True,
        name: str | None = None,
        force_download: bool = False,
    ) -> str:
        """The local path of the file at `remote_url`; do not write to it.

        With `extract_archive` an archive (`.zip`, `.tar`, `.tar.gz`, `.tgz`) is unpacked, and the
        path is that of its folder. Each version of the file is downloaded once, or anew with
        `force_download`; a file of this machine is given directly. `name` is the name of the copy,
        by default the file's. Raises StorageError and UsageError.
        """
        url = _checked_url(remote_url)
        if name is not None and not is_file_name(name):
            raise UsageError(f"A local copy cannot have the name {name!r}: it must be a file name.")
        path = local_path(url) if is_file_url(url) else None
        if path is not None and path.is_dir():
            return str(path)
        found = _look(url)
        if path is not None and not path.is_file():  # it is on another machine
            path = None
        unpack = unpacker(file_name(url)) if extract_archive else None
        if path is not None and unpack is None and name is None:
            return str(path)
        place = cls._hold(f"{found.url} {found.version}")
        if path is not None and name is None:
            file = path
        else:
            file = place / (name or file_name(url))
            if force_download or not found.version or not file.is_file():
                _download(found.url, file)
                file.chmod(0o444)
        if unpack is not None:
            file = unpacked(unpack, file, place, is_forced=force_download)
        cls._evict()
        return str(file)

    @classmethod
    def upload_file(
        cls,
        local_file: str | Path,
        remote_url: str,
        wait_for_upload: bool = True,
        retries: int | None = None,
    ) -> str:
        """Uploads `local_file` to `remote_url`, replacing a file there; returns the URL.

        With `wait_for_upload` False a thread uploads it, which the end of the program waits for; a
        failure is then logged as an error. `retries` is the number of tries after the first, by
        default 4. Raises StorageError and UsageError.
        """
        file = _existing(local_file, Path.is_file, "file")
        url = _checked_url(remote_url)
        if url.endswith("/"):
            raise UsageError(
                f"The file {file} cannot be uploaded to {hide_passwords(url)}: that names a folder."
                " Add the file's name to the URL."
            )
        tries = checked_whole("retries", RETRIES if retries is None else retries, 0)
        if wait_for_upload:
            upload(file, url, retries=tries)
            return url
        storage_for(url)  # raises for a wrong URL, before the call returns

        def send() -> None:
            try:
                upload(file, url, retries=tries)
            except StorageError as error:
                logger.error("%s", error)  # noqa: TRY400 - the message is complete

        threading.Thread(target=send, name="elsewhere-upload").start()
        return url

    @classmethod
    def upload_folder(
        cls, local_folder: str | Path, remote_url: str, match_wildcard: str | None = None
    ) -> str:
        """Uploads all files below `local_folder` to the same paths below `remote_url`; returns the
        URL.

        `match_wildcard` limits them to paths that end in a match, as in `*.json`. Raises
        StorageError and UsageError.
        """
        folder = _existing(local_folder, Path.is_dir, "folder")
        url, matches = _checked_url(remote_url), _matching(match_wildcard)
        for found in storage_for(str(folder)).list(str(folder)):
            file = local_path(found.url)
            path = PurePosixPath(file.relative_to(folder.absolute()))
            if matches(path):
                upload(file, below(url, path))
        return url

    @classmethod
    def download_file(
        cls,
        remote_url: str,
        local_folder: str | Path | None = None,
        overwrite: bool = False,
        skip_zero_size_check: bool = False,
        silence_errors: bool = False,
    ) -> str | None:
        """Downloads the file at `remote_url` and returns its local path.

        It goes to the same path below `local_folder` as behind the name of bucket or server:
        `s3://bucket/sub/a.csv` becomes `<local_folder>/sub/a.csv`. Without a folder it is a copy as
        of `get_local_copy`. An existing file is replaced with `overwrite` only. An empty file is an
        error unless `skip_zero_size_check`. With `silence_errors` a StorageError is a warning, and
        the path None. Raises StorageError and UsageError.
        """
        url = _checked_url(remote_url)
        try:
            if local_folder is None:
                return cls.get_local_copy(url, extract_archive=False, force_download=overwrite)
            return str(_brought(_look(url), local_folder, overwrite, skip_zero_size_check))
        except StorageError as error:
            if not silence_errors:
                raise
            logger.warning("%s", error)
            return None

    @classmethod
    def download_folder(
        cls,
        remote_url: str,
        local_folder: str | Path | None = None,
        match_wildcard: str | None = None,
        overwrite: bool = False,
    ) -> str:
        """Downloads all files below `remote_url` and returns the path of their folder.

        They go to the same paths below `local_folder` as behind the name of the bucket:
        `s3://bucket/sub/a.csv` becomes `<local_folder>/sub/a.csv`. The default is a folder in the
        cache. `match_wildcard` limits the files to paths below the URL that end in a match, as in
        `*.json`. Existing files are replaced with `overwrite` only. Raises StorageError, also
        without any file, and UsageError.
        """
        url, matches = _checked_url(remote_url), _matching(match_wildcard)
        files = [found for found in _listed(url) if matches(inside(found.url, url))]
        if not files:
            matching = "" if match_wildcard is None else f" that matches {match_wildcard!r}"
            raise StorageError(
                f"There is no file{matching} below {hide_passwords(url)}. Check the name and the"
                " wildcard."
            )
        folder = local_folder
        if folder is None:
            versions = "\n".join(f"{found.url} {found.version}" for found in files)
            folder = cls._hold(versions) / FOLDER
        for found in files:
            _brought(found, folder, overwrite, may_be_empty=True)
        if local_folder is None:
            cls._evict()
        return str(folder)

    @classmethod
    @overload
    def list(
        cls, remote_url: str, return_full_path: bool = ..., with_metadata: Literal[False] = ...
    ) -> list[str]: ...

    @classmethod
    @overload
    def list(
        cls, remote_url: str, return_full_path: bool = ..., *, with_metadata: bool
    ) -> list[str] | list[dict[str, Any]]: ...

    @classmethod
    def list(
        cls, remote_url: str, return_full_path: bool = False, with_metadata: bool = False
    ) -> list[str] | list[dict[str, Any]]:
        """All files below `remote_url`, at any depth, sorted.

        They are paths below it, or URLs with `return_full_path`; `with_metadata` gives the dict of
        `get_metadata` for each. Raises StorageError and UsageError.
        """
        url = _checked_url(remote_url)
        names = [
            (found.url if return_full_path else str(inside(found.url, url)), found)
            for found in _listed(url)
        ]
        if with_metadata:
            return [_metadata(name, found) for name, found in names]
        return [name for name, _ in names]

    @classmethod
    def exists_file(cls, remote_url: str) -> bool:
        """Whether `remote_url` is a file, not a folder. Raises StorageError and UsageError."""
        url = _checked_url(remote_url)
        return retried(lambda: storage_for(url).exists(url))

    @classmethod
    def get_file_size_bytes(cls, remote_url: str, silence_errors: bool = False) -> int | None:
        """The size of the file at `remote_url` in bytes; None for an unknown one if
        `silence_errors`. Raises StorageError and UsageError."""
        url = _checked_url(remote_url)
        try:
            return retried(lambda: storage_for(url).size(url))
        except StorageError:
            if not silence_errors:
                raise
            return None

    @classmethod
    def get_metadata(cls, remote_url: str, return_full_path: bool = False) -> dict[str, Any]:
        """A dict of the file at `remote_url`: `name`, `size` in bytes and `last_modified`, in UTC.

        The name is the URL with `return_full_path`; the others are None if the storage does not
        have them. Raises StorageError and UsageError.
        """
        found = _look(_checked_url(remote_url))
        return _metadata(found.url if return_full_path else file_name(found.url), found)

    @classmethod
    def set_cache_file_limit(
        cls,
        cache_file_limit: int,
        cache_context: str | None = None,  # noqa: ARG003 - see below
    ) -> int:
        """Limits the number of copies in the cache to `cache_file_limit`; returns it.

        The limit is that of this process; the one in bytes stays. `cache_context` has no effect:
        there is one cache. Raises UsageError.
        """
        cls._limit_entries = checked_whole("cache_file_limit", cache_file_limit, 1)
        return cls._limit_entries

    @classmethod
    def _hold(cls, what: str) -> Path:
        """The folder of the cache's entry for `what`, a text with URLs and versions."""
        holder = _Holder()
        digest = hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()
        place = hold(load().home.cache, f"url-{digest}", holder)
        cls._held.append(holder)
        return place

    @classmethod
    def _evict(cls) -> None:
        evict(load().home.cache, CACHE_BYTES, cls._limit_entries)


class _Holder:
    """Keeps an entry in the cache as long as it lives."""


def _look(url: str) -> Found:
    try:
        return retried(lambda: storage_for(url).look(url))
    except StorageError:
        far = _far(url)
        if far is None:
            raise
        return far[0]


def _download(url: str, file: Path) -> None:
    """Downloads the file at `url` to `file`, whole or not at all. Raises StorageError."""
    far = None if not is_file_url(url) or local_path(url).is_file() else _far(url)
    if far is None:
        download(url, file)
    else:
        far[1].bring(file)


def _far(url: str) -> tuple[Found, FarFile] | None:
    """The upload of a task at a URL of another machine's disk; None for any other URL."""
    if not is_file_url(url) or upload_at(url) is None:
        return None
    from elsewhere.artifacts.far import at_url  # noqa: PLC0415 - weight
    from elsewhere.store import usable_store  # noqa: PLC0415

    try:
        found = at_url(usable_store(load()), url)
    except StoreUnavailableError as error:
        raise StorageError(f"{url} is not on this machine. {error}") from error
    if found is None:
        return None
    kept, far = found
    return Found(url=url, size_bytes=kept.size_bytes, version=kept.digest), far


def _listed(url: str) -> list[Found]:
    return retried(lambda: storage_for(url).list(url))


def _checked_url(url: object) -> str:
    text = str(url) if isinstance(url, Path) else url
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f"A URL or a path is needed, not {url!r}.")
    return text


def _matching(wildcard: object) -> Callable[[PurePosixPath], bool]:
    if wildcard is None:
        return lambda _: True
    text = checked_text("match_wildcard", wildcard, is_needed=True, note=" such as '*.json'")
    return lambda path: path.match(text)


def _existing(given: object, is_one: Callable[[Path], bool], what: str) -> Path:
    if not isinstance(given, (str, Path)) or not str(given).strip():
        raise UsageError(f"A {what} to upload is named by a path, not by {given!r:.80}.")
    path = named_path(given)
    if not is_one(path):
        raise UsageError(f"There is no {what} {given} to upload. Check the path.")
    return path


def _brought(found: Found, folder: str | Path, overwrite: bool, may_be_empty: bool) -> Path:
    """Downloads one file below `folder`; returns its path. Raises StorageError."""
    if not found.size_bytes and found.size_bytes is not None and not may_be_empty:
        raise StorageError(
            f"The file {hide_passwords(found.url)} is empty. Pass skip_zero_size_check=True if it"
            " may be."
        )
    root = named_path(folder).absolute()
    path = root.joinpath(*path_of(found.url).parts)
    if not path.resolve().is_relative_to(root.resolve()):
        raise StorageError(
            f"The file {hide_passwords(found.url)} is refused: its name leads out of {root}."
            " Download it by get_local_copy."
        )
    if overwrite or not path.is_file():
        _download(found.url, path)
    return path


def _metadata(name: str, found: Found) -> dict[str, Any]:
    at = found.modified_at
    moment = None if at is None else datetime.fromtimestamp(at, timezone.utc)
    return {"name": name, "size": found.size_bytes, "last_modified": moment}
