"""The loop whose progress is the task's, among all those that a program shows as bars.

Loops of the main thread count whose end is known. One that begins within another refines that one's
progress. Of several, one after the other, that counts which takes the longest, so that neither what
comes before a training nor what comes behind it does. A loop that begins a second time at one place
is within a loop that nobody sees: the progress is 0 then, as it is without a bar.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from elsewhere.core.clock import monotonic_s
from elsewhere.core.late_logger import late_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from elsewhere.report.recorder import OwnRun

logger = late_logger(__name__)

#: seconds between two looks, and until the first one at a loop
_LOOK_S: Final = 1.0
#: part of the time of the loop that counts after which another one's speed is known
_KNOWN: Final = 0.1
#: the lines that the main thread is in, from the inner to the outer ones
_Place: TypeAlias = "tuple[tuple[int, int], ...]"
_FRAMES: Final = 64
#: packages whose bars are of other things than a program's loop, or whose loop is seen otherwise
_OTHERS: Final = ("huggingface_hub", "datasets", "lightning", "pytorch_lightning")


class Loop:
    """A loop that has come to `fraction`, by parts of 1/`total`."""

    def __init__(self, fraction: float, total: float) -> None:
        self.first = self.fraction = self.shown = fraction
        self.total = total
        self.place = _place()
        self.begun_s = monotonic_s()
        self.ended_s: float | None = None
        #: it has gone on within another one
        self.is_nested = False

    @property
    def elapsed_s(self) -> float:
        return (self.ended_s or monotonic_s()) - self.begun_s

    @property
    def expected_s(self) -> float:
        """The seconds that it takes, as far as is known."""
        gained = self.shown - self.first
        is_under_way = self.ended_s is None and gained > 0
        return self.elapsed_s * (1 - self.first) / gained if is_under_way else self.elapsed_s


class Loops:
    """The loops of one process, and the progress of its `run` after them."""

    def __init__(self, run: OwnRun) -> None:
        self._run = run
        self._pid = os.getpid()
        self._is_closed = self._has_warned = False
        #: in the order of their beginning
        self._open: list[Loop] = []
        self._main: Loop | None = None
        self._ended: set[_Place] = set()
        self._repeated: set[_Place] = set()
        self._recorded = 0.0
        self._looked_s = 0.0
        # Taken without waiting: a signal handler may come here again, or rich's thread.
        self._is_busy = threading.Lock()

    def begin(self, done: float, total: float) -> Loop | None:
        """A loop of this thread begins; None for one that does not count."""
        is_main = threading.current_thread() is threading.main_thread()
        if self._is_closed or not is_main or os.getpid() != self._pid:
            return None
        loop = Loop(_fraction(done, total), total)
        if self._top() is None:
            self._looked_s = monotonic_s()
            if loop.place in self._ended:
                self._withdraw(loop)
        self._open.append(loop)
        return loop

    @property
    def is_due(self) -> bool:
        """Whether it is time for a look."""
        return monotonic_s() - self._looked_s >= _LOOK_S

    def move(self, loop: Loop | None, done: float, total: float) -> None:
        """The `loop` has done so much of the `total`: looks if that is due."""
        self.note(loop, done, total)
        if self.is_due:
            self.look()

    def note(self, loop: Loop | None, done: float, total: float) -> None:
        """The `loop` has done so much of the `total`."""
        if loop is None:
            return
        fraction = _fraction(done, total)
        if fraction <= loop.first < loop.fraction and not loop.is_nested:  # its bar begins anew
            self._withdraw(loop)
        loop.fraction, loop.total = fraction, total
        loop.shown = max(loop.shown, fraction)

    def end(self, loop: Loop | None) -> None:
        """The `loop` is over, at its end or before it."""
        if loop is None or loop not in self._open or self._is_closed:
            return
        is_outer = self._top() in (None, loop) or loop is self._main
        loop.ended_s = monotonic_s()
        self._open.remove(loop)
        if is_outer:
            self._ended.add(loop.place)
            self._choose(loop)
            if loop is self._main and loop.elapsed_s >= _LOOK_S:
                self._record(loop.shown)

    def look(self) -> None:
        """Chooses among the loops, and records how far the one that counts has come."""
        if self._is_closed or not self._is_busy.acquire(blocking=False):
            return
        try:
            self._looked_s, top = monotonic_s(), self._top()
            if top is not None:
                inner = self._open[self._open.index(top) + 1 :]
                for loop in inner:
                    loop.is_nested |= loop.fraction > loop.first
                top.shown = max(top.shown, _refined([top, *inner]))
                self._choose(top)
            if self._main is not None:
                self._record(self._main.shown)
        finally:
            self._is_busy.release()

    def close(self) -> None:
        """Records how far the program has come."""
        self.look()
        self._is_closed = True

    def safely(self, action: Callable[..., None], *given: Any) -> None:
        """Calls `action`, whose errors are one warning."""
        try:
            action(*given)
        except Exception:  # an outermost seam: the program goes on
            if not self._has_warned:
                logger.warning("The progress of the program is not followed.", exc_info=True)
            self._has_warned = True

    def _top(self) -> Loop | None:
        """The outermost one that goes on."""
        return next((loop for loop in list(self._open) if loop.fraction < 1), None)

    def _choose(self, loop: Loop) -> None:
        if loop.is_nested or loop.place in self._repeated or loop is self._main:
            return
        longest_s = self._main.expected_s if self._main is not None else -1.0
        if loop.elapsed_s > _KNOWN * longest_s and loop.expected_s > longest_s:
            self._main = loop

    def _withdraw(self, loop: Loop) -> None:
        """The loop is one of many: nobody knows how far the program is."""
        self._repeated.add(loop.place)
        if self._main is not None and self._main.place == loop.place:
            self._main = None
            self._record(0.0)

    def _record(self, fraction: float) -> None:
        percent = int(1000 * fraction + 1e-6) / 10
        if percent != self._recorded and os.getpid() == self._pid:  # a fork has its parent's bars
            self._recorded = percent
            self._run.follow_progress(percent)


def _fraction(done: float, total: float) -> float:
    return min(1.0, max(0.0, done / total))


def _refined(loops: list[Loop]) -> float:
    """The fraction of the first, to which those within it add."""
    found = 0.0
    for loop in reversed(loops):
        if loop.fraction < 1:
            found = loop.fraction + found / loop.total
    return min(1.0, found)


def is_of_others(owner: object) -> bool:
    """Whether a bar is of one of the packages whose bars do not count."""
    return type(owner).__module__.partition(".")[0] in _OTHERS


def _place() -> _Place:
    frame: FrameType | None = sys._getframe(1)
    lines: list[tuple[int, int]] = []
    while frame is not None and len(lines) < _FRAMES:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in ("elsewhere", "tqdm"):
            lines.append((id(frame.f_code), frame.f_lineno))
        frame = frame.f_back
    return tuple(lines)
