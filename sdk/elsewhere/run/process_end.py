"""The end of this process: noticed where Python allows it, and reported once.

    the program's last line, sys.exit(0)   completed
    an exception, sys.exit(n)              program_failed, with its exit code
    Ctrl-C, SIGTERM                        stopped
    kill -9, os._exit, a crash             not noticed: the session's folder is found later

An exception is known by `sys.last_value`, whoever has taken `sys.excepthook`. A SystemExit that is
raised by hand counts as completed on Python 3.10 and 3.11, which do not report its code.

Everything is put back by `detach`: a signal handler is only set where there was none.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from elsewhere.core import at_exit
from elsewhere.core.choices import Reason
from elsewhere.core.process import at_fork
from elsewhere.core.records import Outcome
from elsewhere.run import system_exit
from elsewhere.run.interactive import find_shell

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: seconds that a program's threads have to end by themselves after a SIGTERM
_THREADS_S: Final = 1.0


class Endings:
    """Calls `end` with the outcome when the process that made this object ends."""

    def __init__(self, end: Callable[[Outcome], None], *, handles_sigterm: bool = True) -> None:
        """Without `handles_sigterm` that signal ends the process unnoticed, as it always did."""
        self._end = end
        self._pid = os.getpid()
        self._signal: int | None = None
        self._mask: set[int] | None = None
        self._ending = threading.Lock()
        self._first = system_exit.first_frame()
        self._exits = system_exit.watch(self._first)
        self._has_handler = (
            handles_sigterm
            and threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        )
        if self._has_handler:
            signal.signal(signal.SIGTERM, self._on_signal)
            at_fork(
                before=self._before_fork,
                after_in_parent=self._in_parent,
                after_in_child=self._in_child,
            )
        at_exit.register(self._at_exit)

    def detach(self) -> None:
        """Puts everything back that nobody else has changed since."""
        at_exit.unregister(self._at_exit)
        self._exits.detach()
        is_main = threading.current_thread() is threading.main_thread()
        if self._has_handler and is_main and signal.getsignal(signal.SIGTERM) == self._on_signal:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    # A forked child must end at SIGTERM as it always did, from its first moment on: a worker of a
    # pool that gets SIGTERM while it is being born, or while it waits for a lock, may never come to
    # run a handler. So a fork happens with the default in place, and with SIGTERM held back.

    def _before_fork(self) -> None:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGTERM) == self._on_signal:
            self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _in_parent(self) -> None:
        if self._mask is not None:
            signal.signal(signal.SIGTERM, self._on_signal)
            self._unmask()

    def _in_child(self) -> None:
        if self._mask is not None:
            self._unmask()
        elif signal.getsignal(signal.SIGTERM) == self._on_signal:  # another thread forked
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _unmask(self) -> None:
        mask, self._mask = self._mask, None
        signal.pthread_sigmask(signal.SIG_SETMASK, mask or ())

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number
        if not self._ending.locked():  # once the end has begun, nothing interrupts it
            threading.Thread(target=self._end_at_last, name="elsewhere-end", daemon=True).start()
            if threading.main_thread().is_alive():  # else it waits for threads, and is ending
                raise SystemExit(128 + number)

    def _end_at_last(self) -> None:
        """Ends the task although threads go on: Python waits for these, and SIGTERM never did."""
        if find_shell() is None:  # a cell takes SystemExit as its own end, and the kernel goes on
            threading.main_thread().join()
        time.sleep(_THREADS_S)
        if self._ending.acquire(blocking=False):
            self._end(self._judged())
            os._exit(128 + (self._signal or 0))

    def _at_exit(self) -> None:
        if os.getpid() != self._pid:
            return
        self._ending.acquire()
        outcome = self._judged()
        self._end(outcome)
        self.detach()
        if outcome.signal == signal.SIGINT:
            _remember_interrupt()
        if self._signal is not None:
            with contextlib.suppress(AttributeError, ValueError, OSError):  # the program's own
                sys.stdout.flush()
            signal.signal(self._signal, signal.SIG_DFL)
            os.kill(self._pid, self._signal)

    def _judged(self) -> Outcome:
        if self._signal is not None:
            name = signal.Signals(self._signal).name
            message = f"It was ended by {name}."
            return Outcome(reason=Reason.STOPPED, signal=self._signal, message=message)
        if getattr(getattr(sys, "last_traceback", None), "tb_frame", None) is self._first:
            return _of_error(sys.last_value)
        return _of_code(self._exits.code())


def _remember_interrupt() -> None:
    """Makes Python end by SIGINT, as it does behind an uncaught KeyboardInterrupt. It forgets that
    when any `exec` runs since, as an import of a module with a dataclass does."""
    with contextlib.suppress(KeyboardInterrupt):
        exec("raise KeyboardInterrupt", {})  # noqa: S102 - nothing else sets it


def _of_error(error: BaseException | None) -> Outcome:
    if isinstance(error, KeyboardInterrupt):
        message = "It was interrupted by Ctrl-C."
        return Outcome(reason=Reason.STOPPED, signal=signal.SIGINT, message=message)
    message = f"{type(error).__name__}: {error}"[:1000]
    return Outcome(reason=Reason.PROGRAM_FAILED, exit_code=1, message=message)


def _of_code(code: object) -> Outcome:
    if code is system_exit.UNKNOWN:
        message = "It ended by a SystemExit raised by hand, whose code is not known: use sys.exit."
        return Outcome(reason=Reason.COMPLETED, message=message)
    if code is None or code == 0:
        return Outcome(reason=Reason.COMPLETED, exit_code=0)
    number = code if isinstance(code, int) else 1
    message = f"It ended with exit code {number}." if isinstance(code, int) else str(code)
    return Outcome(reason=Reason.PROGRAM_FAILED, exit_code=number & 0xFF, message=message)
