"""The reporter: the buffers and the thread between code that reports and the journal.

Where events and the points of scalars wait (`columns.py`), and who writes them:

    this process    the thread, within _GATHER_S of the first; `record` itself when too many wait
    a child         `record` itself: a forked process may end by `os._exit`, a worker of a pool by
                    SIGTERM as soon as its result is there, and neither is announced
    at exit         `record` itself, from the moment at which threads may no longer be counted on
    disk is full    nobody: they stay, at most _MOST_WAITING of them, and are tried again
"""

from __future__ import annotations

import atexit
import logging
import sys
import threading
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from elsewhere.core.clock import monotonic_s
from elsewhere.core.events import Resources, Scalar, Scalars, Text, encode_event
from elsewhere.core.journal import JournalWriter
from elsewhere.core.process import at_fork
from elsewhere.report.columns import Columns

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from elsewhere.core.events import Event
    from elsewhere.core.scalars import Column
    from elsewhere.report.columns import OpenColumn

logger = logging.getLogger(__name__)

#: seconds that the thread lets events gather: one write for many, and nobody waits for it visibly
_GATHER_S: Final = 0.05
#: seconds between two tries while the disk takes nothing
_RETRY_S: Final = 1.0
#: seconds that `close` waits for the thread, which is held up by nothing but the disk
_CLOSE_S: Final = 5.0
#: events of one write: bounds how long the lock is held (some milliseconds) and the block's size
_CHUNK: Final = 1000
#: points of one block of columns: about 256 kB, as much as a reader takes at a time
_BLOCK: Final = 8192
#: events in memory (some tens of megabytes); above, the reporting code writes or the oldest go
_MOST_WAITING: Final = 100_000
#: points in memory, 24 bytes each, while the disk is full; above, the older half goes
_MOST_POINTS: Final = 1_000_000
#: what may be dropped when the disk stays full: there is much of it, and each counts little
_MINOR: Final = (Scalar, Text, Resources)


class Reporter:
    """Writes events into a journal file of this process in `folder`.

    All threads may share one, also signal handlers. A fork needs no care: the child starts anew,
    with an empty buffer and a file of its own. Nothing here raises into the code that reports.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: deque[Event] = deque()
        #: where the points of scalars are put
        self.columns = Columns(self._wake_for_points)
        self._writer: JournalWriter | None = None
        # Re-entrant, since a signal handler may report in the middle of a write of its own thread.
        self._lock = threading.RLock()
        self._is_writing = False
        # The thread sleeps on it. `put` can be interrupted by a `put` of a signal handler.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_write_through = _is_child()
        self._retry_at: float | None = None
        self._dropped = 0
        self._has_warned = False
        self._lost = 0
        atexit.register(self._write_through)
        at_fork(after_in_child=self._start_anew)

    def record(self, event: Event) -> None:
        """Takes an event and returns at once."""
        self._waiting.append(event)
        if not self.columns.is_awake:
            self._wake()
        if len(self._waiting) > _MOST_WAITING:
            self._relieve()

    def flush(self) -> None:
        """Writes all that was recorded before to the disk, if that takes it."""
        blocks = self.columns.blocks(_BLOCK)
        # At least once: that waits for the lock, and so for what another thread is just writing.
        for _ in range(0, len(self._waiting) + 1, _CHUNK):
            if not self._write_chunk(next(blocks, ())):
                return
        for block in blocks:
            if not self._write_chunk(block):
                return

    def close(self) -> None:
        """Flushes and ends the thread. May be called twice; later events are written at once."""
        self._write_through()
        atexit.unregister(self._write_through)
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _wake_for_points(self) -> None:
        if self.columns.is_awake:  # a column is full
            self._relieve()
        else:
            self._wake()

    def _wake(self) -> None:
        if not self._is_write_through and self._thread is None:
            self._start_thread()
        if self._is_write_through:
            self._relieve()
        else:
            self._bell.put(None)

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="elsewhere-reporter", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # too many threads, or the interpreter is ending
                    logger.debug(
                        "No thread for the reporter (%s): events are written at once.", error
                    )
                    self._is_write_through = True
                else:
                    self._thread = thread

    def _relieve(self) -> None:
        """Writes in the thread of the code that reports, or, if that is useless now, drops."""
        if self._retry_at is None or monotonic_s() >= self._retry_at:
            if self._is_write_through:
                self.flush()
            else:
                self._write_chunk(next(self.columns.blocks(_BLOCK), ()))
        else:
            self._drop_oldest()

    def _run(self) -> None:
        try:
            while not self._is_write_through:
                self._bell.get()
                self.columns.is_awake = True
                while self._has_waiting():
                    self._gather()
                    self.flush()
                    if self._is_write_through:
                        break
                    if self._retry_at is not None:
                        self._drop_oldest()
                # Either `record` sees this, or its event is seen here: it appends before it looks.
                self.columns.is_awake = False
                if self._has_waiting():
                    self._bell.put(None)
        except Exception:  # the outermost seam of this thread: the program goes on
            logger.exception("The reporter's thread has ended: events are written at once.")
            self._is_write_through = True
        finally:
            self.columns.is_awake = False

    def _has_waiting(self) -> bool:
        return bool(self._waiting or self.columns.count)

    def _gather(self) -> None:
        while not self._bell.empty():  # rung several times before we were awake
            self._bell.get()
        if self._is_write_through:  # the bell of `close` was among them
            return
        with suppress(Empty):
            self._bell.get(timeout=_GATHER_S if self._retry_at is None else _RETRY_S)

    def _write_through(self) -> None:
        self._is_write_through = True
        self._bell.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_S)
        self.flush()
        lost = len(self._waiting) + self.columns.count + self._dropped if self._has_waiting() else 0
        if lost > self._lost:  # at exit, and when the run is closed
            logger.warning(
                "%d reports are lost: this process ends before the journal in %s can be written.",
                lost,
                self._folder,
            )
        self._lost = lost

    def _write_chunk(self, block: Collection[tuple[OpenColumn, int]]) -> bool:
        """Writes a chunk of the events that wait, and a block of columns. False when nothing can be
        written now."""
        failure: OSError | None = None
        with self._lock:
            if self._is_writing:  # we are a signal handler: whom we interrupted writes the rest
                return False
            if not self._waiting and not block:
                return True
            self._is_writing = True
            events: list[Event] = []
            taken: list[tuple[OpenColumn, Column]] = []
            try:
                while self._waiting and len(events) < _CHUNK:
                    events.append(self._waiting.popleft())
                for column, size in block:
                    if (points := column.take(size)) is not None:
                        taken.append((column, points))
                self._append(events, tuple(points for _, points in taken))
            except BaseException as error:  # a signal handler may have raised, Ctrl-C for example
                self._waiting.extendleft(reversed(events))
                for column, points in reversed(taken):
                    column.put_back(points)
                if not isinstance(error, OSError):
                    raise
                failure = error
            finally:
                self._is_writing = False
            was_failing, self._retry_at = self._retry_at is not None, None
            if failure is not None:
                self._retry_at = monotonic_s() + _RETRY_S
        # Outside of the lock: a user's log handler may wait for another thread that reports.
        if failure is not None and not was_failing:
            logger.warning(
                "The journal in %s cannot be written: %s. Make room there, or make it writable. "
                "Until then what is reported stays in memory and is tried again; above %d reports, "
                "or %d points of scalars, the oldest scalars and texts are dropped.",
                self._folder,
                failure,
                _MOST_WAITING,
                _MOST_POINTS,
            )
        elif failure is None and was_failing:
            logger.warning(
                "The journal in %s can be written again; %d reports had to be dropped.",
                self._folder,
                self._dropped,
            )
        return failure is None

    def _append(self, events: list[Event], columns: tuple[Column, ...]) -> None:
        if self._writer is None:
            if self._is_over():
                return
            self._writer = JournalWriter(self._folder)
        if columns:
            events = [*events, Scalars(columns=columns)]
        try:
            self._writer.append(events)
        except (TypeError, ValueError, RecursionError):
            # One of them is not JSON; it must not keep the others from the disk.
            self._writer.append(event for event in events if _is_json(event))

    def _is_over(self) -> bool:
        """Whether another process has ended the task before the first report of this one."""
        folder = self._folder.parent
        if self._has_warned or folder.exists():
            return self._has_warned
        self._has_warned = True
        logger.warning(
            "Task %s is over: what this process reports is lost. Report before its end.",
            folder.stem,
        )
        return True

    def _drop_oldest(self) -> None:
        with self._lock:
            if self._is_writing:
                return
            self._dropped += self.columns.drop_oldest(_MOST_POINTS)
            if len(self._waiting) <= _MOST_WAITING:
                return
            surplus = len(self._waiting) - _MOST_WAITING * 9 // 10
            kept: list[Event] = []
            for _ in range(len(self._waiting)):
                event = self._waiting.popleft()
                if surplus > 0 and isinstance(event, _MINOR):
                    surplus -= 1
                    self._dropped += 1
                else:
                    kept.append(event)
            self._waiting.extendleft(reversed(kept))

    def _start_anew(self) -> None:
        """Drops, in the child of a fork, the locks, thread and descriptor of the parent."""
        self._lock = threading.RLock()
        self._is_writing = False
        self._bell = SimpleQueue()
        self._waiting = deque()
        self.columns.clear_points()
        self._thread = None
        self.columns.is_awake = False
        self._is_write_through = True
        self._retry_at = None
        self._dropped = self._lost = 0
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def _is_json(event: Event) -> bool:
    try:
        encode_event(event)
    except (TypeError, ValueError, RecursionError) as error:
        logger.error("A report is lost, since it is not JSON (%s): %r", error, event)  # noqa: TRY400
        return False
    return True


def _is_child() -> bool:
    """True in a process that `multiprocessing` started, by whichever method."""
    processes = sys.modules.get("multiprocessing.process")
    return processes is not None and processes.parent_process() is not None
