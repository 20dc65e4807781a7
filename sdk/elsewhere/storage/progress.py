"""Bars for what takes long: a row for each file that moves, all in one display on the terminal.

Where standard error is no terminal, a line now and then. A transfer that is over leaves nothing.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TextIO

from elsewhere.core.clock import monotonic_s
from elsewhere.core.process import at_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["DISPLAY", "Display", "Moving"]

#: seconds after which something takes long
_LONG_S: Final = 2.0
#: seconds between two drawings, between two looks at what does not move, and between two lines
_DRAW_S: Final = 0.2
_TICK_S: Final = 0.5
_LINE_S: Final = 30.0


class Moving:
    """One file on its way; `size_bytes` is None where it is not known. `moved` is asked how far it
    is where nobody tells."""

    def __init__(
        self,
        what: str,
        size_bytes: int | None,
        display: Display,
        moved: Callable[[], int] | None = None,
    ) -> None:
        self.what = what
        self.size_bytes = size_bytes
        self.moved_bytes = 0
        self.began_at = monotonic_s()
        #: its row in the display, once it has one
        self.row: int | None = None
        self._display = display
        self._moved = moved

    def advance(self, more_bytes: int) -> None:
        self.moved_bytes += more_bytes
        # Here too: at the interpreter's end no thread can be started any more.
        self._display.draw()

    def reach(self, moved_bytes: int, size_bytes: int | None = None) -> None:
        self.size_bytes = size_bytes or self.size_bytes
        self.advance(moved_bytes - self.moved_bytes)

    def look(self) -> None:
        if self._moved is not None:
            self.moved_bytes = self._moved()

    def __str__(self) -> str:
        moved = f"{self.moved_bytes / 1e6:.1f}"
        size = f" of {self.size_bytes / 1e6:.1f}" if self.size_bytes else ""
        speed = self.moved_bytes / 1e6 / max(monotonic_s() - self.began_at, 1e-3)
        return f"{self.what}: {moved}{size} MB, {speed:.1f} MB/s"


class Display:
    """All that moves in this process. `stream` is where standard error is, as it is then."""

    def __init__(
        self, *, stream: TextIO | None = None, long_s: float = _LONG_S, line_s: float = _LINE_S
    ) -> None:
        self._stream = stream
        self._long_s = long_s
        self._line_s = line_s
        self._moving: list[Moving] = []
        self._bars: Any = None
        self._drawn_at = self._told_at = float("-inf")
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        at_fork(after_in_child=self._start_anew)

    @contextmanager
    def moving(
        self,
        what: str,
        size_bytes: int | None = None,
        *,
        moved: Callable[[], int] | None = None,
    ) -> Iterator[Moving]:
        """What the block moves, as in "Uploading model.bin"; its row is there as soon as the block
        takes long."""
        row = Moving(what, size_bytes, self, moved)
        with self._lock:
            self._moving.append(row)
            is_first = len(self._moving) == 1
            if is_first:
                self._is_over = threading.Event()
        if is_first:
            ticker = threading.Thread(
                target=self._tick, args=(self._is_over,), name="elsewhere-progress", daemon=True
            )
            with suppress(RuntimeError):  # the interpreter ends, and starts no threads any more
                ticker.start()
        try:
            yield row
        finally:
            with self._lock:
                self._remove(row)

    def draw(self) -> None:
        """Shows what takes long, unless that was done just now."""
        now = monotonic_s()
        if now - self._drawn_at < _DRAW_S or not self._lock.acquire(blocking=False):
            return
        try:
            self._drawn_at = now
            long = [row for row in self._moving if now - row.began_at >= self._long_s]
            stream = self._stream or sys.stderr
            if not long or stream is None:
                return
            with suppress(OSError, ValueError):  # a closed terminal is no reason to fail
                for row in long:
                    row.look()
                if stream.isatty():
                    # Past what a task records of its output.
                    self._draw_bars(self._stream or sys.__stderr__ or stream, long)
                elif now - self._told_at >= self._line_s:
                    self._told_at = now
                    stream.write("".join(f"Elsewhere: {row}\n" for row in long))
                    stream.flush()
        finally:
            self._lock.release()

    def _draw_bars(self, stream: TextIO, rows: list[Moving]) -> None:
        if self._bars is None:
            self._bars = _new_bars(stream)
            self._bars.start()
        for row in rows:
            if row.row is None:
                row.row = self._bars.add_task(row.what, total=row.size_bytes)
            self._bars.update(row.row, completed=row.moved_bytes, total=row.size_bytes)
        self._bars.refresh()

    def _remove(self, row: Moving) -> None:
        if row not in self._moving:  # it began before a fork
            return
        self._moving.remove(row)
        if self._bars is not None and row.row is not None:
            with suppress(OSError, ValueError):
                self._bars.remove_task(row.row)
        if not self._moving:
            self._is_over.set()
            if self._bars is not None:
                with suppress(OSError, ValueError):
                    self._bars.stop()
                self._bars = None

    def _start_anew(self) -> None:
        """In the child of a fork nothing moves yet, and nobody releases the parent's lock."""
        self._lock = threading.Lock()
        self._moving = []
        self._bars = None

    def _tick(self, is_over: threading.Event) -> None:
        while not is_over.wait(_TICK_S):
            self.draw()


def _new_bars(stream: TextIO) -> Any:
    from rich.console import Console  # noqa: PLC0415 - weight: 60 ms
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    # The user's own streams stay as they are: `redirect_...` would replace them meanwhile.
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(file=stream),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


#: the process's one display, as it has one standard error
DISPLAY: Final = Display()
