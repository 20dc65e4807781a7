"""Progress bars of long transfers: a row for each file, all in one display on the terminal.

If standard error is not a terminal, lines now and then. Bars are removed after their transfer.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from elsewhere.core.clock import monotonic_s
from elsewhere.core.process import at_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: seconds after which a transfer is shown
_LONG_S: Final = 2.0
#: seconds between two drawings, between two ticks of the thread, and between two lines
_DRAW_S: Final = 0.2
_TICK_S: Final = 0.5
_LINE_S: Final = 30.0


class Moving:
    """The progress of one file. `size_bytes` is None if unknown; `moved` returns the bytes moved,
    for a transfer that does not call `advance`."""

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
        """Adds the bytes of the piece that was moved last."""
        self.moved_bytes += more_bytes
        # Not only on the thread, which cannot be started at the interpreter's end.
        self._display.draw()

    def reach(self, moved_bytes: int, size_bytes: int | None = None) -> None:
        """Sets the bytes moved so far, and the size if known."""
        self.size_bytes = size_bytes or self.size_bytes
        self.advance(moved_bytes - self.moved_bytes)

    def look(self) -> None:
        """Updates the bytes moved by `moved`."""
        if self._moved is not None:
            self.moved_bytes = self._moved()

    def __str__(self) -> str:
        moved = f"{self.moved_bytes / 1e6:.1f}"
        size = f" of {self.size_bytes / 1e6:.1f}" if self.size_bytes else ""
        speed = self.moved_bytes / 1e6 / max(monotonic_s() - self.began_at, 1e-3)
        return f"{self.what}: {moved}{size} MB, {speed:.1f} MB/s"


class Display:
    """The display of this process's transfers, on `stream`, by default the present sys.stderr."""

    def __init__(
        self, *, stream: TextIO | None = None, long_s: float = _LONG_S, line_s: float = _LINE_S
    ) -> None:
        self._stream = stream
        self._long_s = long_s
        self._line_s = line_s
        self._moving: list[Moving] = []
        self._bars: Any = None
        self._drawn_at = self._written_at = float("-inf")
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
        """The progress of the block, a row called `what`, such as "Uploading model.bin", which is
        shown once the block takes long."""
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
        """Shows the long transfers, unless that was done just now."""
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
                    terminal = sys.__stderr__
                    own = cast("TextIO", _Unrecorded(terminal)) if terminal is not None else stream
                    self._draw_bars(self._stream or own, long)
                elif now - self._written_at >= self._line_s:
                    self._written_at = now
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
        """In the child of a fork: it has no transfers, and no thread to release a held lock."""
        self._lock = threading.Lock()
        self._moving = []
        self._bars = None

    def _tick(self, is_over: threading.Event) -> None:
        while not is_over.wait(_TICK_S):
            self.draw()


class _Unrecorded:
    """A stream by the `write` of its class: what replaces that in the stream records for a task."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return type(self._stream).write(self._stream, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _new_bars(stream: TextIO) -> Any:
    from rich import console, progress  # noqa: PLC0415 - weight: 60 ms

    # The user's own streams stay as they are: `redirect_...` would replace them meanwhile.
    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=console.Console(file=stream),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


#: the display of this process
DISPLAY: Final = Display()
