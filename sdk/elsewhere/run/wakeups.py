"""Signals as they arrive: Python runs their handlers in the main thread alone, whenever that next
comes back from a library."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from typing import TYPE_CHECKING

from elsewhere.core.when_imported import when_imported

if TYPE_CHECKING:
    from collections.abc import Callable


class Wakeups:
    """Calls `on_signal` in a thread of its own with each signal that has a handler in Python, at
    once. Whoever else sets a wakeup file of signals, an event loop for one, takes them over."""

    def __init__(self, on_signal: Callable[[int], None]) -> None:
        self._on_signal = on_signal
        self._forget: Callable[[], None] = lambda: None
        self._reads, self._writes = os.pipe()
        os.set_blocking(self._writes, False)
        self._before = signal.set_wakeup_fd(self._writes, warn_on_full_buffer=False)
        threading.Thread(target=self._run, name="elsewhere-signals", daemon=True).start()
        if self._before != -1:
            self.detach()
        #: trio takes the place in any case, with a warning where somebody has it
        self._forget = when_imported("trio", lambda _: self.detach())

    def detach(self) -> None:
        """Gives the place back, in the main thread. Who else has it may put this file back later:
        then it stays open."""
        self._forget()
        if self._writes == -1 or threading.current_thread() is not threading.main_thread():
            return
        now = signal.set_wakeup_fd(self._before, warn_on_full_buffer=False)
        if now == self._writes:
            os.close(self._writes)
        else:
            signal.set_wakeup_fd(now, warn_on_full_buffer=False)
        self._writes = -1

    def _run(self) -> None:
        # select takes no file above 1023, and a program may close what it has not opened
        with contextlib.suppress(ValueError, OSError):
            while number := self._read():
                self._on_signal(number[0])
            os.close(self._reads)

    def _read(self) -> bytes:
        select.select([self._reads], [], [])  # lets the others go on, that of gevent as well
        return os.read(self._reads, 1)
