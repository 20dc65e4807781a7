"""Folders as zip files: equal folders give equal bytes, and unpacking writes inside one folder."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import StorageError, UsageError
from elsewhere.storage.progress import DISPLAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO

logger = logging.getLogger(__name__)

#: the oldest time that a zip file can hold: times would make equal folders differ
_TIME: Final = (1980, 1, 1, 0, 0, 0)
#: the limit of files and folders in an archive that is unpacked
_MOST_ENTRIES: Final = 1_000_000
#: the size from which an entry has the long form of the format; below the limit of 2 GiB, since
#: the file may grow while it is read
_LONG_BYTES: Final = 1 << 30
#: errors of zipfile for bytes that are not an archive, a part of one or encrypted, and of the disk
_DAMAGES: Final = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, ValueError, RuntimeError, OSError),
)
#: file names in a warning
_NAMED: Final = 5


def pack(
    folder: Path,
    archive: Path,
    members: tuple[Path, ...] | None = None,
    *,
    is_compressed: bool = True,
) -> list[str]:
    """Writes the zip file `archive`, which may lie in `folder`, and returns a line for each entry.

    It holds the files `members` below the folder, whose links are followed; by default all below
    the folder, with a link to a file inside it as that file. Other links, devices, sockets and
    files that vanish meanwhile are left out, with a warning. Raises OSError, and UsageError for
    file names that zip cannot hold.
    """
    lines: list[str] = []
    left_out: list[str] = []
    root = folder.resolve() if members is None else folder
    inside = root if members is None else Path(root.anchor)
    how = zipfile.ZIP_DEFLATED if is_compressed else zipfile.ZIP_STORED
    paths = tuple(_walk(root)) if members is None else members
    with (
        DISPLAY.moving(f"Zipping {archive.name}", _size_bytes(paths)) as row,
        zipfile.ZipFile(archive, "w", how, strict_timestamps=False) as target,
    ):
        for path in paths:
            name = path.relative_to(root).as_posix()
            try:
                name.encode()
            except UnicodeEncodeError as error:
                raise UsageError(
                    f"The folder {folder} cannot be zipped: the name of {name!r} is not UTF-8. "
                    "Rename it."
                ) from error
            if path.is_dir() and not path.is_symlink():
                target.writestr(_entry(f"{name}/", 0o755, how), b"")
            elif (file := _open_inside(path, inside)) is None:
                left_out.append(name)
            elif os.path.samestat(os.fstat(file), archive.stat()):
                os.close(file)
            else:
                lines.append(f"{name}: {_add(target, name, file, how, row.advance)} bytes")
    if left_out:
        logger.warning(
            "Not in the archive of %s: %d that are not files inside it, such as %s",
            folder,
            len(left_out),
            ", ".join(left_out[:_NAMED]),
        )
    return lines


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a zip file into `folder`, which is made, and deleted after a failure.

    Raises StorageError, before anything is written, for an archive that would write outside of the
    folder, holds links, or is larger than the room on the disk.
    """
    with (
        filling(folder, archive, _DAMAGES),
        ExitStack() as outer,
        zipfile.ZipFile(archive) as source,
    ):
        entries = source.infolist()
        size = _check(archive, entries, folder)
        row = outer.enter_context(DISPLAY.moving(f"Unpacking {archive.name}", size))
        for entry in entries:
            path = folder / entry.filename
            if entry.is_dir():
                path.mkdir(parents=True, exist_ok=True)
            else:
                write_entry(source.open(entry), path, entry.external_attr >> 16, row.advance)


@contextmanager
def filling(folder: Path, archive: Path, damages: tuple[type[Exception], ...]) -> Iterator[None]:
    """Makes the folder, and deletes it if the block fails; `damages` become StorageErrors."""
    try:
        folder.mkdir(parents=True)
        yield
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, damages):
            raise StorageError(f"The archive {archive} cannot be unpacked: {error}.") from error
        raise


def check_count(archive: Path, count: int) -> None:
    """Raises StorageError where `count` is too many files and folders."""
    if count > _MOST_ENTRIES:
        raise StorageError(
            f"The archive {archive} is refused: it holds more than {_MOST_ENTRIES} files and"
            " folders."
        )


def check_fits(archive: Path, size_bytes: int, folder: Path) -> None:
    """Raises StorageError for more bytes than the disk has free."""
    free_bytes = shutil.disk_usage(folder).free
    if size_bytes > free_bytes:
        raise StorageError(
            f"The archive {archive} cannot be unpacked: it holds {size_bytes} bytes, and only "
            f"{free_bytes} are free there. Make room, or call get_local_copy with "
            "extract_archive=False."
        )


def check_entry(archive: Path, name: str, *, is_plain: bool) -> None:
    """Raises StorageError for an entry that is not a plain file or folder inside the archive."""
    path = PurePosixPath(name)
    if not is_plain or path.is_absolute() or ".." in path.parts:
        raise StorageError(
            f"The archive {archive} is refused: {name!r} is a link or a device, or lies outside of"
            " the folder that it is unpacked into."
        )


def write_entry(reader: IO[bytes], path: Path, mode: int, advance: Callable[[int], None]) -> None:
    """Writes the bytes of an entry to `path`, executable if its `mode` is."""
    with reader:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Exclusively: no entry writes over another.
        with path.open("xb") as writer:
            _copy_bytes(reader, writer, advance)
    if mode & 0o100:
        path.chmod(path.stat().st_mode | 0o111)


def _copy_bytes(reader: IO[bytes], writer: IO[bytes], advance: Callable[[int], None]) -> None:
    while block := reader.read(1 << 20):
        writer.write(block)
        advance(len(block))


def _walk(folder: Path) -> Iterator[Path]:
    """All paths below `folder`, sorted, without following links."""
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def _open_inside(path: Path, root: Path) -> int | None:
    """A descriptor of the regular file at `path`; None if it is outside of `root`."""
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(root) or not real.is_file():
            return None
        # O_NOFOLLOW: a link that replaces the file meanwhile is not followed.
        return os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, RuntimeError):  # deleted meanwhile; links in a circle
        return None


def _size_bytes(paths: Iterable[Path]) -> int:
    size = 0
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            size += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return size


def _add(
    target: zipfile.ZipFile, name: str, descriptor: int, how: int, advance: Callable[[int], None]
) -> int:
    """Adds one file; returns the number of its bytes."""
    with os.fdopen(descriptor, "rb") as reader:
        status = os.fstat(descriptor)
        entry = _entry(name, 0o755 if status.st_mode & 0o100 else 0o644, how)
        with target.open(entry, "w", force_zip64=status.st_size >= _LONG_BYTES) as writer:
            _copy_bytes(reader, writer, advance)
        return entry.file_size


def _entry(name: str, mode: int, how: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.create_system = 3  # Unix: else others ignore the mode
    entry.compress_type = how
    kind = stat.S_IFDIR if name.endswith("/") else stat.S_IFREG
    entry.external_attr = (kind | mode) << 16
    return entry


def _check(archive: Path, entries: list[zipfile.ZipInfo], folder: Path) -> int:
    """The bytes of all entries. Raises StorageError."""
    # zipfile reads at most the declared size of an entry, so the sum bounds what is written.
    size = sum(entry.file_size for entry in entries)
    check_count(archive, len(entries))
    check_fits(archive, size, folder)
    for entry in entries:
        is_plain = stat.S_IFMT(entry.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
        is_named = bool(PurePosixPath(entry.filename).parts)
        check_entry(archive, entry.filename, is_plain=is_plain and is_named)
    names = [PurePosixPath(entry.filename) for entry in entries]
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise StorageError(f"The archive {archive} cannot be unpacked: it holds {twice} twice.")
    return size
