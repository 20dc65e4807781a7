"""`StorageManager`: files at URLs, without a task.

What is fetched without a place of its own lies in the cache of this machine's home, one entry for
each URL and version of what is there, until others need the room.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import deque
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, overload
from urllib.parse import unquote

from elsewhere.core.checks import checked_text, checked_whole
from elsewhere.core.errors import StorageError, UsageError
from elsewhere.core.folders import named_path
from elsewhere.core.secrets import hide_passwords
from elsewhere.core.settings import load
from elsewhere.storage import (
    beside,
    download,
    file_url,
    is_file_url,
    local_path,
    storage_for,
    upload,
)
from elsewhere.storage.copies.cache import CACHE_BYTES, FOLDER, OURS, evict, hold
from elsewhere.storage.copies.unpacking import unpacked, unpacker
from elsewhere.storage.trying import RETRIES, retried

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.storage import Found

__all__ = ["StorageManager"]

logger = logging.getLogger(__name__)

#: copies that were given out last, and so stay whatever the limits say; each is an open file
_HELD: Final = 100


class StorageManager:
    """Uploads and downloads, for scripts that keep more than artifacts and models.

    URLs are `s3://`, `gs://`, `az://`, `http(s)://` (reading only) and `file://`; a path is a file.
    Every call raises StorageError with a sentence when the storage does not do it, and UsageError
    for a wrong argument. What fails for a passing reason is tried again.
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
        """The path of a copy of the file here, or of the folder that an archive was unpacked into
        (`.zip`, `.tar`, `.tar.gz`, `.tgz`); not to be written to.

        It is fetched once for each version of what is there, or anew with `force_download`. A file
        of this machine is given directly. `name`: what the file's name shall be here.
        """
        url = _checked_url(remote_url)
        if name is not None and (not _is_file_name(name) or name in OURS):
            raise UsageError(f"A local copy cannot have the name {name!r}: it must be a file name.")
        path = _local(url)
        if path is not None and path.is_dir():
            return str(path)
        found = retried(lambda: storage_for(url).look(url))
        unpack = unpacker(_file_name(url)) if extract_archive else None
        if path is not None and unpack is None and name is None:
            return str(path)
        place = cls._hold(found)
        if path is not None and name is None:
            file = path
        else:
            file = place / (name or _file_name(url))
            if force_download or not found.version or not file.is_file():
                _fetch(url, file)
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
        """The URL, once the file is there; what was there before is replaced.

        Without `wait_for_upload` a thread goes on with it, which the end of the program waits for;
        what fails then is an error in the log. `retries`: tries after the first.
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
        storage_for(url)  # what is wrong with the URL is said here

        def send() -> None:
            try:
                upload(file, url, retries=tries)
            except StorageError as error:
                logger.error("%s", error)  # noqa: TRY400 - the sentence says it all

        threading.Thread(target=send, name="elsewhere-upload").start()
        return url

    @classmethod
    def upload_folder(
        cls, local_folder: str | Path, remote_url: str, match_wildcard: str | None = None
    ) -> str:
        """The URL, once all files below the folder are below it, with the folders between.

        `match_wildcard`: only files whose path in the folder ends so, as in `*.json`.
        """
        folder = _existing(local_folder, Path.is_dir, "folder")
        url, matches = _checked_url(remote_url), _matching(match_wildcard)
        for found in storage_for(str(folder)).list(str(folder)):
            file = local_path(found.url)
            inside = PurePosixPath(file.relative_to(folder.absolute()))
            if matches(inside):
                upload(file, _below(url, inside))
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
        """The path of the file below `local_folder`, in the same folders as behind the bucket's or
        server's name: `s3://bucket/sub/a.csv` becomes `<local_folder>/sub/a.csv`.

        Without a folder it is a local copy, as of `get_local_copy`. A file that is there already is
        fetched again with `overwrite` only. An empty file is an error unless
        `skip_zero_size_check`. With `silence_errors` an error is a warning, and the path is None.
        """
        url = _checked_url(remote_url)
        try:
            return str(
                _brought(
                    retried(lambda: storage_for(url).look(url)),
                    local_folder,
                    overwrite=overwrite,
                    may_be_empty=skip_zero_size_check,
                )
                if local_folder is not None
                else cls.get_local_copy(url, extract_archive=False, force_download=overwrite)
            )
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
        """The path of `local_folder`, once all files below the URL are below it, in the same
        folders as behind the bucket's name: `s3://bucket/sub/a.csv` becomes
        `<local_folder>/sub/a.csv`.

        Without a folder it is one in the cache. `match_wildcard`: only files whose path below the
        URL ends so, as in `*.json`. Files that are there already are fetched again with
        `overwrite` only.
        """
        url, matches = _checked_url(remote_url), _matching(match_wildcard)
        files = [
            found
            for found in retried(lambda: storage_for(url).list(url))
            if matches(_inside(found, url))
        ]
        if not files:
            matching = "" if match_wildcard is None else f" that matches {match_wildcard!r}"
            raise StorageError(
                f"There is no file{matching} below {hide_passwords(url)}. Check the name and the"
                " wildcard."
            )
        folder = local_folder
        if folder is None:
            versions = "\n".join(f"{found.url} {found.version}" for found in files)
            folder = cls._hold_key(versions) / FOLDER
        for found in files:
            _brought(found, folder, overwrite=overwrite, may_be_empty=True)
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
        """All files below the URL, however deep, sorted: their paths below it, or their URLs with
        `return_full_path`; or what `get_metadata` gives of each."""
        url = _checked_url(remote_url)
        names = [
            (found.url if return_full_path else str(_inside(found, url)), found)
            for found in retried(lambda: storage_for(url).list(url))
        ]
        if with_metadata:
            return [_metadata(name, found) for name, found in names]
        return [name for name, _ in names]

    @classmethod
    def exists_file(cls, remote_url: str) -> bool:
        """Whether a file is there; a folder is none."""
        url = _checked_url(remote_url)
        return retried(lambda: storage_for(url).exists(url))

    @classmethod
    def get_file_size_bytes(cls, remote_url: str, silence_errors: bool = False) -> int | None:
        """With `silence_errors`, None where it cannot be told."""
        url = _checked_url(remote_url)
        try:
            return retried(lambda: storage_for(url).size(url))
        except StorageError:
            if not silence_errors:
                raise
            return None

    @classmethod
    def get_metadata(cls, remote_url: str, return_full_path: bool = False) -> dict[str, Any]:
        """`name` (the URL with `return_full_path`), `size` in bytes and `last_modified`, UTC; the
        last two are None where the storage does not tell."""
        url = _checked_url(remote_url)
        found = retried(lambda: storage_for(url).look(url))
        return _metadata(found.url if return_full_path else _file_name(found.url), found)

    @classmethod
    def set_cache_file_limit(
        cls,
        cache_file_limit: int,
        cache_context: str | None = None,  # noqa: ARG003 - see below
    ) -> int:
        """From now on this process keeps so many local copies at most, besides the limit in bytes.

        There is one cache, so it is the same whatever `cache_context` is. Gives the limit.
        """
        cls._limit_entries = checked_whole("cache_file_limit", cache_file_limit, 1)
        return cache_file_limit

    @classmethod
    def _hold(cls, found: Found) -> Path:
        return cls._hold_key(f"{found.url} {found.version}")

    @classmethod
    def _hold_key(cls, what: str) -> Path:
        holder = _Holder()
        digest = hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()
        place = hold(load().home.cache, f"url-{digest}", holder)
        cls._held.append(holder)
        return place

    @classmethod
    def _evict(cls) -> None:
        evict(load().home.cache, CACHE_BYTES, cls._limit_entries)


class _Holder:
    """Keeps an entry of the cache."""


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


def _local(url: str) -> Path | None:
    return local_path(url) if is_file_url(url) else None


def _existing(given: object, is_one: Callable[[Path], bool], what: str) -> Path:
    if not isinstance(given, (str, Path)) or not str(given).strip():
        raise UsageError(f"A {what} to upload is named by a path, not by {given!r:.80}.")
    path = named_path(given)
    if not is_one(path):
        raise UsageError(f"There is no {what} {given} to upload. Check the path.")
    return path


def _file_name(url: str) -> str:
    """The last part of the URL's path; `file` when that is no file name."""
    path = _local(url)
    name = path.name if path is not None else unquote(url.partition("?")[0].rpartition("/")[2])
    return name if _is_file_name(name) and name not in OURS else "file"


def _is_file_name(name: object) -> bool:
    is_text = isinstance(name, str) and name.strip(".") != ""
    return is_text and not {"/", "\0"} & set(str(name))


def _below(url: str, inside: PurePosixPath) -> str:
    path = _local(url)
    return file_url(path / inside) if path is not None else f"{url.rstrip('/')}/{inside}"


def _fetch(url: str, file: Path) -> None:
    with beside(file) as fresh:
        download(url, fresh)
        fresh.chmod(0o444)


def _brought(found: Found, folder: str | Path, *, overwrite: bool, may_be_empty: bool) -> Path:
    if not found.size_bytes and found.size_bytes is not None and not may_be_empty:
        raise StorageError(
            f"The file {hide_passwords(found.url)} is empty. Pass skip_zero_size_check=True if it"
            " may be."
        )
    root = named_path(folder).absolute()
    path = root.joinpath(*_path_of(found.url).parts)
    if not path.resolve().is_relative_to(root.resolve()):
        raise StorageError(
            f"The file {hide_passwords(found.url)} is refused: its name leads out of {root}."
            " Download it by get_local_copy."
        )
    if overwrite or not path.is_file():
        download(found.url, path)
    return path


def _path_of(url: str) -> PurePosixPath:
    """The path behind the name of the machine or bucket, relative."""
    path = _local(url)
    if path is not None:
        return PurePosixPath(*path.parts[1:])
    is_web = url.lower().startswith("http")
    behind = url.partition("://")[2].partition("/")[2]
    return PurePosixPath(unquote(behind.partition("?")[0]) if is_web else behind)


def _inside(found: Found, url: str) -> PurePosixPath:
    """Its path below the URL; of the URL's own file its name."""
    path, root = _path_of(found.url), _path_of(url)
    return PurePosixPath(path.name) if path == root else path.relative_to(root)


def _metadata(name: str, found: Found) -> dict[str, Any]:
    at = found.modified_at
    moment = None if at is None else datetime.fromtimestamp(at, timezone.utc)
    return {"name": name, "size": found.size_bytes, "last_modified": moment}
