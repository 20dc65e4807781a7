"""The journal: the events of a task, on disk before they are anywhere else.

A folder with one append-only file for each process that writes. A line is

    <crc32 of the rest, 8 hex digits> <event kind> <event JSON>\\n

A line without its end is one that is still being written, or the torn tail of a process that was
killed: a reader stops before it. A whole line with a wrong sum is damage: it is skipped and logged.
"""

from __future__ import annotations

import logging
import os
import threading
import zlib
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import RecordError
from elsewhere.core.events import decode_event, encode_event
from elsewhere.core.folders import open_plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from elsewhere.core.events import Event

logger = logging.getLogger(__name__)

#: bytes that one `read_events` looks at: bounds a reader's memory and one transaction's size
READ_BYTES: Final = 256 * 1024
#: bytes of a line at most: no event is larger, and a reader's memory is bounded
_LONGEST_BYTES: Final = 16 << 20
_SUFFIX: Final = ".events"


class JournalWriter:
    """Appends to one file of its own in `folder`. Threads may share it; a fork must not."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{os.getpid()}-{os.urandom(4).hex()}{_SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)
        self._lock = threading.Lock()

    def append(self, events: Iterable[Event]) -> None:
        """Writes all of `events` in one block. Raises OSError, as on a full disk."""
        block = b"".join(_frame(encode_event(event)) for event in events)
        with self._lock:
            start = os.lseek(self._descriptor, 0, os.SEEK_END)
            view = memoryview(block)
            try:
                while view:
                    view = view[os.write(self._descriptor, view) :]
            except BaseException:  # Ctrl-C too: whoever called will write these events again
                os.ftruncate(self._descriptor, start)
                raise

    def close(self) -> None:
        os.close(self._descriptor)


def journal_files(folder: Path) -> list[Path]:
    """The journal files in `folder`, one a writer, by name."""
    try:
        # The program may write here, too: links, pipes and folders are not ours.
        return sorted(
            path
            for path in folder.iterdir()
            if path.suffix == _SUFFIX and path.is_file() and not path.is_symlink()
        )
    except FileNotFoundError:
        return []


def is_written_by(path: Path, pid: int) -> bool:
    """Whether the process `pid` writes the journal file at `path`."""
    return path.name.startswith(f"{pid}-")


def read_events(
    path: Path,
    offset: int,
    limit_bytes: int = READ_BYTES,
    *,
    words: Collection[str] | None = None,
) -> tuple[list[Event], int]:
    """The events of the whole lines from `offset` on, and the offset behind the last of them.

    Reads about `limit_bytes`, more only where a single event is larger, 16 MiB at most. `words`
    are the kinds that are looked at; None for all.
    """
    with open_plain(path) as file:
        file.seek(offset)
        block = file.read(limit_bytes)
        if len(block) == limit_bytes and not block.endswith(b"\n"):
            block += file.readline(_LONGEST_BYTES)
    end = block.rfind(b"\n") + 1
    if not end and len(block) > _LONGEST_BYTES:
        logger.warning("%s: a line is longer than any of ours and is left out.", path)
        end = len(block)  # what follows up to its end will not match its check sum
    events = []
    for line in block[:end].splitlines():
        if words is not None and _word(line) not in words:
            continue
        try:
            events.append(decode_event(_unframe(line)))
        except RecordError as error:
            logger.warning("%s: a line is left out. %s", path, error)
    return events, offset + end


def _word(line: bytes) -> str:
    return line[9:].partition(b" ")[0].decode(errors="replace")


def _frame(line: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(line), line)


def _unframe(line: bytes) -> bytes:
    written, _, rest = line.partition(b" ")
    if written != b"%08x" % zlib.crc32(rest):
        raise RecordError(f"The line {line[:60]!r} does not match its check sum.")
    return rest
