"""The descriptors 1 and 2 of this process, teed: what Python, compiled code and sub-processes write
to them goes where it went before, and to the output of the task.

What passes it on is a process of its own, the copier (`copier.py`). Where a descriptor was a
terminal it is one again, of the same size; two descriptors of one file have one way, and with it
one order.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from elsewhere.core.clock import monotonic_s
from elsewhere.core.process import at_fork
from elsewhere.report import copier
from elsewhere.report.streams import warn_of_gap
from elsewhere.report.terminal_modes import before_modes
from elsewhere.report.ways import file_of, is_of, moved_above, ways_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.core.known_secrets import KnownSecrets

logger = logging.getLogger(__name__)

#: seconds between two looks for new secrets, and for what Python holds back of its output
_LOOK_S: Final = 0.1
#: seconds to wait for the copier: a terminal may be held by Ctrl-S
_ANSWER_S: Final = 2.0
#: copiers that replace killed ones at most
_SPARE_COPIERS: Final = 10
#: seconds in which a process starts
_START_S: Final = 10.0


class DescriptorTee:
    """Tees `descriptors` until `detach`. Nothing that is written waits for this process.

    The secrets that `known` has, also later, are not copied. Raises OSError where no copier can be
    started; then nothing has changed.
    """

    def __init__(self, output: Path, descriptors: Sequence[int], known: KnownSecrets) -> None:
        self._output = output
        self._known = known
        self._secrets: tuple[bytes, ...] = ()
        self._pid = os.getpid()
        self._numbers = 0
        #: the number of the last answer; None before the first of this copier
        self._answered: int | None = None
        self._is_over = False
        self._spare_copiers = _SPARE_COPIERS
        self._changed = threading.Condition()
        #: held while Python's streams are flushed here: a fork in the middle would leave theirs
        self._flushing = threading.Lock()
        _flush(sys.stdout, sys.stderr)
        self._ways = ways_of(descriptors)
        try:
            self._control = self._start()
        except OSError:
            for way in self._ways:
                way.close()
            raise
        for way in self._ways:
            way.open()
        has_terminal = any(os.isatty(way.target) for way in self._ways)
        self._leave_modes = before_modes(self._drain) if has_terminal else lambda: None
        at_fork(before=self._begin_fork, after_in_parent=self._end_fork, after_in_child=self._leave)
        self._thread = threading.Thread(target=self._watch, name="elsewhere-output", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Waits until what was written is in the output; for a few seconds at most."""
        if os.getpid() == self._pid:
            _flush(sys.stdout, sys.stderr)
            self._ask("copy")

    def detach(self) -> None:
        """Puts the descriptors back, with all that was written in the output. What children still
        write is passed on, not copied. May be called twice, and does nothing in a fork."""
        if os.getpid() != self._pid or self._is_over:
            return
        _flush(sys.stdout, sys.stderr)
        _flush_c()
        self._leave_modes()
        self._drain()  # before anybody can write past it
        for way in self._ways:
            way.restore()
        self._ask("end")
        with self._changed:
            self._is_over = True
        if self._has_control:
            with suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
        self._thread.join(_ANSWER_S)  # at Python's end it may not hold a stream
        for way in self._ways:
            way.close()

    def _drain(self) -> None:
        if os.getpid() == self._pid and not self._is_over:
            self._ask("drain")

    def _start(self) -> socket.socket:
        """Starts the copier, as nobody's child: a program may wait for all of its own."""
        import subprocess  # noqa: PLC0415 - weight

        if not Path(sys.executable or "").name.startswith(("python", "pypy")):
            raise OSError(errno.ENOEXEC, f"{sys.executable or 'this program'} is not Python alone")
        if os.getpid() == 1:  # of a container, whose processes end with it, unpassed output too
            raise OSError(errno.ECHILD, "this is the first process of its container")
        ours, theirs = (
            socket.socket(fileno=moved_above(one.detach())) for one in socket.socketpair()
        )
        ways = [way for way in self._ways if way.is_read]
        numbers = (theirs.fileno(), *(one for way in ways for one in (way.source, way.target)))
        command = [sys.executable, "-I", "-S", copier.__file__, str(theirs.fileno())]
        command += [str(self._output), *(f"{way.source}:{way.target}" for way in ways)]
        try:
            with theirs:
                subprocess.run(
                    ["/bin/sh", "-c", '"$0" "$@" &', *command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    pass_fds=numbers,
                    start_new_session=True,  # a signal for the program's group is not for it
                    timeout=_START_S,
                    check=True,
                )
        except (OSError, subprocess.SubprocessError) as error:
            ours.close()
            raise OSError(errno.ECHILD, f"no process can be started: {error}") from error
        ours.settimeout(_LOOK_S)
        self._secrets, self._answered = (), None
        self._control_file = file_of(ours.fileno())
        return ours

    @property
    def _has_control(self) -> bool:
        return is_of(self._control.fileno(), self._control_file)

    def _close_control(self) -> None:
        if self._has_control:
            self._control.close()
        else:  # its number may be another's
            self._control.detach()

    def _watch(self) -> None:
        received = b""
        while not self._is_over and self._has_control:
            self._tell_secrets()
            self._flush_held()
            try:
                block = self._control.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                block = b""
            if not block and not self._go_on():
                break
            *lines, received = (received + block).split(b"\n") if block else [b""]
            for line in lines:
                self._take(*line.decode().split(" "))
        self._close_control()

    def _flush_held(self) -> None:
        """Flushes Python's stdout where it is none of a terminal: so output is seen meanwhile."""
        stream = sys.stdout
        if stream is sys.__stdout__ and not getattr(stream, "line_buffering", True):
            with self._flushing:
                _flush(stream)

    def _take(self, word: str, given: str = "") -> None:
        if word == "broken":
            for way in self._ways:
                if str(way.source) == given:
                    way.close_source()
                    self._send(f"left {given}")
        elif word == "full":
            warn_of_gap(self._output, _sentence(given))
        elif word == "lost":
            logger.warning(
                "Output cannot be written to where it goes (%s). The task has it.", _sentence(given)
            )
        else:
            with self._changed:
                self._answered = int(word)
                self._changed.notify_all()

    def _go_on(self) -> bool:
        """Replaces a copier that has ended before its time: somebody has killed it. One that has
        not even begun is not tried again."""
        if self._is_over or not any(way.is_read for way in self._ways):
            return False
        if self._answered is not None and self._spare_copiers:
            self._spare_copiers -= 1
            with suppress(OSError):
                control, self._control = self._control, self._start()
                control.close()
                return True
        for way in self._ways:
            way.give_up()
        logger.warning("No more output is recorded: the process that copies it has ended.")
        return False

    def _tell_secrets(self) -> None:
        if (now := self._known.as_bytes) != self._secrets:
            words = " ".join(one.hex() for one in now)
            self._secrets = now if self._send(f"secrets {words}") else ()

    def _ask(self, word: str) -> None:
        with self._changed:
            self._numbers += 1
            number = self._numbers
        self._tell_secrets()
        if not self._send(f"{word} {number}"):
            return
        until = monotonic_s() + _ANSWER_S
        with self._changed:
            self._changed.wait_for(
                lambda: self._answered is not None and self._answered >= number,
                until - monotonic_s(),
            )

    def _send(self, line: str) -> bool:
        if not self._has_control:
            return False
        try:
            self._control.sendall(line.encode() + b"\n")
        except OSError:
            return False
        return True

    def _begin_fork(self) -> None:
        self._flushing.acquire(timeout=_ANSWER_S)

    def _end_fork(self) -> None:
        with suppress(RuntimeError):  # not acquired in time
            self._flushing.release()

    def _leave(self) -> None:
        """In the child of a fork: the ways end with the program itself."""
        self._flushing = threading.Lock()
        self._close_control()
        for way in self._ways:
            way.close()


def _flush(*streams: TextIO | None) -> None:
    for stream in streams:
        if stream is not None:
            with suppress(Exception):  # of any class, that the program has put there
                stream.flush()


def _flush_c() -> None:
    with suppress(Exception):  # a Python without ctypes, a libc without that name
        import ctypes  # noqa: PLC0415 - weight

        ctypes.CDLL(None).fflush(None)


def _sentence(name: str) -> str:
    return os.strerror(getattr(errno, name, errno.EIO))
