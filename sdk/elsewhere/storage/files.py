"""Files of this machine, a mounted share among them: `file:///path`, or just a path."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

from elsewhere.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FileStorage", "beside", "copy_file", "file_url", "local_path", "sha256_of"]

#: bytes of one copying system call
_STEP: Final = 1 << 30


class FileStorage:
    """Copies, written beside their place and then renamed."""

    def upload(self, local: Path, url: str) -> None:
        target = local_path(url)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with beside(target) as partial:
                copy_file(local, partial)
                _sync(partial)
        except OSError as error:
            raise StorageError(
                f"{local} cannot be copied to {target}: {error}. Is there room, and may this user "
                "write there?"
            ) from error

    def download(self, url: str, local: Path) -> None:
        source = self._existing(url)
        try:
            local.parent.mkdir(parents=True, exist_ok=True)
            with beside(local) as partial:
                copy_file(source, partial)
        except OSError as error:
            raise StorageError(
                f"{source} cannot be copied to {local}: {error}. Is there room, and may this user "
                "read the one and write the other?"
            ) from error

    def exists(self, url: str) -> bool:
        return local_path(url).is_file()

    def delete(self, url: str) -> None:
        path = local_path(url)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"{path} cannot be deleted: {error}. Delete it as a user who may."
            ) from error

    def size(self, url: str) -> int:
        return self._existing(url).stat().st_size

    def _existing(self, url: str) -> Path:
        path = local_path(url)
        if not path.is_file():
            raise StorageError(
                f"There is no file {path} on this machine, {socket.gethostname()}. Other machines' "
                "files are not seen here: set output_uri to a place that both can reach."
            )
        return path


def file_url(path: Path) -> str:
    """The absolute URL of a path, readable where it can be."""
    return "file://" + quote(os.fsencode(path.expanduser().absolute()), safe="/=+,@:")


def local_path(url: str) -> Path:
    """The path of a file URL, or of a path. Raises StorageError for another machine's URL."""
    if "://" not in url:
        return Path(url).expanduser().absolute()
    machine, slash, path = url.partition("://")[2].partition("/")
    if machine not in ("", "localhost") or not path:
        raise StorageError(
            f"{url!r} names no file of this machine, and file URLs reach this machine only. "
            "A file URL has three slashes, as in file:///folder/file."
        )
    return Path(os.fsdecode(unquote_to_bytes(slash + path)))


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A new path next to `target` that becomes `target` when the block ends well, else goes."""
    partial = target.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        yield partial
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def copy_file(source: Path, target: Path) -> None:
    """Copies the bytes; where the file system can, it shares the blocks instead. Raises OSError.

    Not a hard link, which would change with the source.
    """
    with source.open("rb") as reader, target.open("wb") as writer:
        # Both move the files' own positions, so that the second goes on where the first cannot.
        with suppress(OSError, AttributeError):
            while os.copy_file_range(reader.fileno(), writer.fileno(), _STEP):
                pass
        shutil.copyfileobj(reader, writer, 1 << 20)


def sha256_of(path: Path) -> str:
    """The file's digest, in hex. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
