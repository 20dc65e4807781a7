"""Files of this machine, also on a mounted share: `file:///path`, or just a path."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

from elsewhere.core.errors import StorageError
from elsewhere.core.folders import named_path
from elsewhere.storage.api import Found, PassingError
from elsewhere.storage.progress import DISPLAY
from elsewhere.storage.trying import CHECK_S, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedRandom, BufferedReader

#: bytes of one copying system call: a part of a second
_STEP: Final = 1 << 26
#: errors of shares that cannot be reached for a while
_PASSING: Final = (
    *(errno.EAGAIN, errno.EBUSY, errno.ECONNRESET, errno.EHOSTDOWN, errno.EHOSTUNREACH),
    *(errno.EIO, errno.ENETUNREACH, errno.EREMOTEIO, errno.ESTALE, errno.ETIMEDOUT),
)


class FileStorage:
    """Copies files: each is written beside its place and then renamed."""

    def upload(self, local: Path, url: str) -> None:
        target = local_path(url)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with DISPLAY.moving(f"Copying {local.name}", local.stat().st_size) as row:
                _copy_beside(local, target, row.advance)
        except OSError as error:
            raise _mapped(
                error,
                f"{local} cannot be copied to {target}: {error}. Is there room, and may this user "
                "write there?",
            ) from error

    def download(self, url: str, local: Path) -> None:
        source = self._existing(url)
        try:
            local.parent.mkdir(parents=True, exist_ok=True)
            with (
                DISPLAY.moving(f"Copying {source.name}", source.stat().st_size) as row,
                beside(local) as partial,
            ):
                copy_file(source, partial, row.advance)
        except OSError as error:
            raise _mapped(
                error,
                f"{source} cannot be copied to {local}: {error}. Is there room, and may this user "
                "read the one and write the other?",
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

    def look(self, url: str) -> Found:
        return _found(self._existing(url))

    def list(self, url: str) -> list[Found]:
        path = local_path(url)
        if not path.is_dir():
            return [_found(path)] if path.is_file() else []
        return sorted(map(_found, _files_below(path)), key=lambda found: found.url)

    def check(self, url: str) -> None:
        folder = local_path(url)

        def write() -> None:
            try:
                place = next(path for path in (folder, *folder.parents) if path.exists())
                with TemporaryFile(dir=place):  # without a name, if the file system can
                    pass
            except OSError as error:
                raise StorageError(
                    f"Nothing can be written below {folder}: {error}. Set output_uri to a folder "
                    "that this user may write to, or to an s3, gs or az URL."
                ) from error

        within(CHECK_S, write, f"The file system of {folder}")

    def _existing(self, url: str) -> Path:
        path = local_path(url)
        if not path.is_file():
            raise StorageError(
                f"There is no file {path} on this machine, {socket.gethostname()}. If it is on "
                "another one, set output_uri to a place that both can reach."
            )
        return path


def file_url(path: Path) -> str:
    """The absolute URL of `path`; only bytes that a URL cannot hold are quoted."""
    return "file://" + quote(os.fsencode(named_path(path).absolute()), safe="/=+,@:")


def is_file_url(url: str) -> bool:
    """Whether `url` is a file URL or a path."""
    return "://" not in url or url.lower().startswith("file://")


def local_path(url: str) -> Path:
    """The absolute path of a file URL or a path. Raises StorageError for another machine's URL, and
    UsageError for a text that cannot be a path."""
    if "://" not in url:
        return named_path(url).absolute()
    machine, slash, path = url.partition("://")[2].partition("/")
    if machine not in ("", "localhost") or not path:
        raise StorageError(
            f"{url!r} is not the URL of a file on this machine, and others cannot be reached. "
            "A file URL has three slashes, as in file:///folder/file."
        )
    return named_path(os.fsdecode(unquote_to_bytes(slash + path)))


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A new path next to `target`, which replaces it if the block succeeds, else is deleted."""
    partial = target.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        yield partial
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def copy_file(
    source: Path, target: Path, advance: Callable[[int], None] = lambda _bytes: None
) -> None:
    """Copies the bytes, or shares their blocks if the file system can. Raises OSError.

    It makes no hard link, which would change with the source. `advance` is called with the number
    of bytes of each piece.
    """
    with source.open("rb") as reader, target.open("wb") as writer:
        _copy_rest(reader, writer, advance)


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file at `path`, in hex. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _copy_rest(reader: BufferedReader, writer: IO[bytes], advance: Callable[[int], None]) -> None:
    # Both ways move the files' positions: the second goes on where the first one fails.
    with suppress(OSError, AttributeError):
        while moved := os.copy_file_range(reader.fileno(), writer.fileno(), _STEP):
            advance(moved)
    while block := reader.read(1 << 20):
        writer.write(block)
        advance(len(block))


def _copy_beside(source: Path, target: Path, advance: Callable[[int], None]) -> None:
    """Copies `source` to `target`, resuming a copy that was cut off by the end of its process,
    behind the bytes that it has in common with `source`."""
    with resumed(target) as writer, source.open("rb") as reader:
        common = _common_bytes(reader.fileno(), writer.fileno())
        reader.seek(common)
        writer.seek(common)
        writer.truncate()
        advance(common)
        _copy_rest(reader, writer, advance)


@contextmanager
def resumed(
    target: Path, stays: Callable[[BaseException], bool] = lambda _error: False
) -> Iterator[BufferedRandom]:
    """The open file next to `target` that replaces it if the block succeeds, else is deleted,
    unless it `stays` after the error. It may hold what an earlier block, or one whose process was
    killed, has written. Raises OSError."""
    name = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:32]
    partial = target.with_name(f".{name}.partial")
    # Without O_TRUNC: it may hold the beginning of the same copy.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    with open(partial, "r+b", opener=lambda path, _: os.open(path, flags, 0o666)) as file:
        if not _is_locked(file.fileno(), partial):  # another process copies to the same place
            with beside(target) as own, own.open("x+b") as fresh:
                yield fresh
                _settle(fresh)
            return
        try:
            yield file
            _settle(file)
            partial.replace(target)
        except BaseException as error:
            if not stays(error):
                partial.unlink(missing_ok=True)
            raise


def _settle(file: BufferedRandom) -> None:
    file.flush()
    os.fsync(file.fileno())


def _is_locked(descriptor: int, path: Path) -> bool:
    """Locks the file until it is closed; False if another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The holder before may have renamed it: then the lock is on a file that is complete.
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # a file system without locks: such a copy is never resumed
        path.unlink(missing_ok=True)
        return False


def _common_bytes(one: int, other: int) -> int:
    """The number of equal bytes at the beginning of two open files, whose positions stay."""
    common = 0
    while block := os.pread(one, 1 << 20, common):
        if block != os.pread(other, len(block), common):
            break
        common += len(block)
    return common


def _found(path: Path) -> Found:
    status = path.stat()
    return Found(
        url=file_url(path),
        size_bytes=status.st_size,
        modified_at=status.st_mtime,
        version=f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}",
    )


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            is_partial = path.name.startswith(".") and path.suffix == ".partial"
            if path.is_file() and not is_partial:  # not a pipe, not a broken link
                yield path


def _mapped(error: OSError, message: str) -> StorageError:
    """The error with this message: PassingError for a share that may answer soon."""
    return (PassingError if error.errno in _PASSING else StorageError)(message)
