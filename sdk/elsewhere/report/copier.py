"""The copier: a process beside a program, which passes on what is written to the program's
descriptors, and appends a copy to its task's output.

    program, its children, C code --pipe or pty--> copier --> where it went before
                                                         \\-> output.log, a moment later

It is a process, so that nothing waits for it: whatever holds the program's interpreter, and however
the program ends, all that was written arrives. It is started as a script of Python alone, and its
arguments are numbers of descriptors:

    copier.py CONTROL OUTPUT SOURCE:TARGET...

Lines come over CONTROL, a socket; each that has a number is answered by a line with it, and the
copier's beginning by a 0.

    secrets HEX...   the secrets of the program from now on, which OUTPUT does not get
    drain NUMBER     what was written before has been passed on when the answer comes
    copy NUMBER      the same, and it is in OUTPUT
    end NUMBER       the same, and from then on no copy is kept
    left SOURCE      the program has closed its SOURCE, after a report that it is broken

It reports `broken SOURCE` when nobody reads a target any more. What is written to the source until
the program has left it goes nowhere, as its writer may hold the interpreter; from then on nobody
can write to it. It reports `lost ERROR` for the first other error of a target, and `full ERROR` for
one of OUTPUT. It ends when the program has, and nobody can write to a source any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import select
import signal
import stat
import sys
import termios
import threading
import time
from contextlib import suppress
from io import FileIO
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: seconds for which the copy is held back: a secret that a program sets, and prints, is known then
HELD_S: Final = 0.2
#: seconds between two looks at a terminal's size and modes, and at a broken way
_LOOK_S: Final = 0.1
_BLOCK_BYTES: Final = 64 * 1024
#: a block of so many bytes that ends within a line: its writer has been stopped by a full pty;
#: seconds to wait for the rest
_BROKEN_OFF_BYTES: Final = 256
_REST_S: Final = 0.02
#: bytes that lie in a pipe or pty at most, as far as it is waited for
_MOST_WAITING_BYTES: Final = 1 << 20
#: bytes that are held back at most
_MOST_HELD_BYTES: Final = 4 << 20
_HIDDEN: Final = b"***"


class Copy:
    """The appending end of an output file. A full disk leaves a gap in it, marked as soon as there
    is room; `warn` gets the error that begins a gap. Raises OSError if it cannot be opened."""

    def __init__(self, path: str, warn: Callable[[OSError], None]) -> None:
        self._file = FileIO(path, "ab", opener=_open_private)
        self._warn = warn
        self._missing_bytes = 0

    def write(self, block: bytes | memoryview) -> None:
        if self._file.closed:
            return
        view = memoryview(block)
        try:
            if missing := self._missing_bytes:
                self._file.write(b"\n[%d bytes of output could not be kept]\n" % missing)
                self._missing_bytes = 0
            while view:
                view = view[self._file.write(view) :]
        except ValueError:  # another thread has closed it since
            return
        except OSError as error:
            is_first = self._missing_bytes == 0
            self._missing_bytes += len(view)
            if is_first:  # only after counting: a warning may be printed, and come here again
                self._warn(error)

    def close(self) -> None:
        self._file.close()


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Way:
    """A source and its target. Who passes on holds `lock`, and takes `turn` to wait for it: a
    source that is never empty would leave somebody waiting."""

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self.lock = threading.Lock()
        self.turn = threading.Lock()
        self.is_open = True
        #: nobody reads the target any more
        self.is_broken = False
        #: and the program has closed its source
        self.is_left = False
        self.is_terminal = os.isatty(source)
        self._target = target
        self._is_pipe = stat.S_ISFIFO(os.fstat(target).st_mode)
        self._modes = termios.tcgetattr(source) if self.is_terminal else []
        #: the beginning of a line whose rest lies in the source
        self._begun = b""
        #: the beginning of a line that is not copied yet, and whether it came a period ago: what
        #: another way brings does not stand within it
        self.uncopied = b""
        self.is_old = False

    def wait(self) -> None:
        """Waits until `is_ready`; not for long while the program may leave a broken way."""
        _poll(self.source, _LOOK_S if self.is_broken else None)

    def is_ready(self) -> bool:
        """Whether `read` returns at once."""
        return self.is_open and _poll(self.source, 0) != 0

    def has_more(self, within_s: float = 0) -> bool:
        # Not FIONREAD, which does not count what is on its way through a pty.
        return self.is_open and bool(_poll(self.source, within_s) & select.POLLIN)

    def read(self) -> bytes:
        """A block, of whole lines if it is not the last: others may write to the target, too.
        Empty where nobody can write any more."""
        try:
            block = os.read(self.source, _BLOCK_BYTES)
        except OSError:  # of a pty that nobody has open
            block = b""
        lines, self._begun = self._begun + block, b""
        within_s = 0 if len(block) < _BROKEN_OFF_BYTES or lines.endswith(b"\n") else _REST_S
        if block and self.has_more(within_s) and (end := lines.rfind(b"\n") + 1):
            lines, self._begun = lines[:end], lines[end:]
        return lines

    def write(self, block: bytes) -> None:
        """Raises OSError."""
        start = 0
        while start < len(block):
            end = len(block)
            if self._is_pipe and end - start > select.PIPE_BUF:  # it would be torn apart by others
                end = start + select.PIPE_BUF
                end = block.rfind(b"\n", start, end) + 1 or end
            try:
                start += os.write(self._target, memoryview(block)[start:end])
            except BlockingIOError:  # somebody who has the same terminal has made it so
                _poll(self._target, None, select.POLLOUT)

    def follow(self) -> None:
        """Gives a pty the size of its terminal, and the terminal the modes that the program has
        changed at the pty, as curses does."""
        with suppress(OSError, termios.error):
            size = fcntl.ioctl(self._target, termios.TIOCGWINSZ, b"\0" * 8)
            if fcntl.ioctl(self.source, termios.TIOCGWINSZ, b"\0" * 8) != size:
                fcntl.ioctl(self.source, termios.TIOCSWINSZ, size)
            before, self._modes = self._modes, termios.tcgetattr(self.source)
            if self._modes != before:
                modes = _changed(termios.tcgetattr(self._target), before, self._modes)
                termios.tcsetattr(self._target, termios.TCSANOW, modes)

    def close(self) -> None:
        self.is_open = False
        os.close(self.source)


class _Copier:
    """A thread for each way, so that a target that waits, as a terminal after Ctrl-S, holds up
    nothing else, and one for CONTROL."""

    def __init__(self, control: int, output: str, ways: Sequence[_Way]) -> None:
        self._control = control
        self._copy = Copy(output, lambda error: self._report(f"full {errno.errorcode[_no(error)]}"))
        self._ways = ways
        #: the program is over; its children may not be
        self._is_alone = False
        self._has_lost = False
        #: held for what follows
        self._changed = threading.Condition()
        self._open_ways = len(ways)
        self._held = bytearray()
        #: how much of it came before the current period of HELD_S, and when that ends
        self._old_bytes, self._period_end = 0, 0.0
        self._is_copying = True
        self._secrets: Sequence[bytes] = ()

    def run(self) -> None:
        self._report("0")
        for way in self._ways:
            threading.Thread(target=self._serve, args=(way,)).start()
        threading.Thread(target=self._obey, daemon=True).start()
        terminals = [way for way in self._ways if way.is_terminal]
        with self._changed:
            while self._open_ways or not self._is_alone:
                is_held = self._held or any(way.uncopied for way in self._ways)
                held_s = self._period_end - time.monotonic() if is_held else None
                self._changed.wait(_LOOK_S if terminals else held_s)
                if is_held and time.monotonic() >= self._period_end:
                    self._take_unfinished(lambda way: way.is_old)
                    self._keep(self._old_bytes)
                for way in terminals:
                    if way.is_open and way.lock.acquire(blocking=False):
                        way.follow()
                        way.lock.release()
            self._keep_all()
            self._copy.close()

    def _serve(self, way: _Way) -> None:
        while way.is_open:
            way.wait()
            with way.turn:
                way.lock.acquire()
            try:
                if way.is_broken and (way.is_left or self._is_alone):
                    self._leave(way)
                elif way.is_ready():  # not drained since
                    self._pass_on(way)
            finally:
                way.lock.release()

    def _pass_on(self, way: _Way) -> int:
        """Passes a block on, and returns its size; 0 where nobody can write any more."""
        block = way.read()
        if way.is_terminal:
            way.follow()
        if not block:
            self._leave(way)
            return 0
        with self._changed:  # first: what is reported of it below is printed, and copied, after it
            if self._is_copying:
                if not self._held and not way.uncopied:
                    self._period_end = time.monotonic() + HELD_S
                    self._changed.notify()
                came = way.uncopied + block
                end = max(came.rfind(b"\n"), came.rfind(b"\r")) + 1
                if len(came) - end > _BLOCK_BYTES:
                    end = len(came)
                self._held += came[:end]
                way.uncopied, way.is_old = came[end:], False
                if len(self._held) > _MOST_HELD_BYTES:
                    self._keep(len(self._held) - max(map(len, self._secrets), default=0))
        try:
            if not way.is_broken:
                way.write(block)
        except (BrokenPipeError, ConnectionResetError):
            way.is_broken = True
            self._report(f"broken {way.source}")
        except OSError as error:  # a full disk, a terminal that is gone: the copy has it
            if not self._has_lost:
                self._report(f"lost {errno.errorcode[_no(error)]}")
            self._has_lost = True
        return len(block)

    def _leave(self, way: _Way) -> None:
        way.close()
        with self._changed:
            self._open_ways -= 1
            self._changed.notify()

    def _keep_all(self) -> None:
        self._take_unfinished(lambda _: True)
        self._keep(len(self._held))

    def _take_unfinished(self, is_due: Callable[[_Way], bool]) -> None:
        """Takes lines without an end, such as a question, of the ways for which that `is_due`."""
        for way in self._ways:
            if is_due(way):
                self._held += way.uncopied
                way.uncopied = b""
            way.is_old = True

    def _keep(self, size: int) -> None:
        """Writes so many bytes of what was held back, and no part of a secret. A period begins."""
        held = bytes(self._held)
        # Those that are there: far faster than a pattern of all.
        secrets = [re.escape(secret) for secret in self._secrets if secret in held]
        pattern = re.compile(b"|".join(secrets) or b"(?!)")
        for found in pattern.finditer(held) if secrets else ():
            if found.start() < size < found.end():
                size = found.end()
        self._copy.write(pattern.sub(_HIDDEN, held[:size]) if secrets else held[:size])
        del self._held[:size]
        self._old_bytes, self._period_end = len(self._held), time.monotonic() + HELD_S

    def _obey(self) -> None:
        received = b""
        while True:
            block = b""
            _poll(self._control, None)  # gevent, in the program, makes all sockets non-blocking
            with suppress(OSError):
                block = os.read(self._control, _BLOCK_BYTES)
            if not block:
                with self._changed:
                    self._is_alone = True
                    self._changed.notify()
                return
            *lines, received = (received + block).split(b"\n")
            for line in lines:
                self._do(*line.decode().split(" "))

    def _do(self, word: str, *given: str) -> None:
        if word == "secrets":
            self._secrets = [bytes.fromhex(one) for one in given if one]
            return
        if word == "left":
            for way in self._ways:
                way.is_left = way.is_left or str(way.source) == given[0]
            return
        for way in self._ways:
            self._drain(way)
        with self._changed:
            if word != "drain":
                self._keep_all()
            if word == "end":
                self._is_copying = False
                self._copy.close()
        self._report(given[0])

    def _drain(self, way: _Way) -> None:
        """Passes on what lies in the source now."""
        with way.turn, way.lock:
            passed_bytes = 0
            while passed_bytes < _MOST_WAITING_BYTES and way.has_more():
                passed_bytes += self._pass_on(way)

    def _report(self, line: str) -> None:
        with suppress(OSError):
            os.write(self._control, line.encode() + b"\n")


def _poll(descriptor: int, within_s: float | None, events: int = select.POLLIN) -> int:
    """What comes of `events`, and errors, within that time; None for any."""
    poll = select.poll()
    poll.register(descriptor, events)
    return sum(found for _, found in poll.poll(within_s if within_s is None else within_s * 1000))


def _no(error: OSError) -> int:
    return error.errno or errno.EIO


def _changed(modes: list[Any], before: list[Any], now: list[Any]) -> list[Any]:
    """The `modes` of a terminal with what has changed `before` `now`; where a mode is one of
    output, not OPOST, which is the terminal's alone."""
    changed = list(modes)
    for n in range(4):  # of input, output, control, line
        bits = before[n] ^ now[n]
        if n == 1:
            bits &= ~termios.OPOST
        changed[n] = (modes[n] & ~bits) | (now[n] & bits)
    changed[6] = [
        one if old == new else new
        for one, old, new in zip(modes[6], before[6], now[6], strict=True)
    ]
    return changed


def _main(control: str, output: str, *ways: str) -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends with the last writer, who may still say why
    pairs = (way.split(":") for way in ways)
    _Copier(int(control), output, [_Way(int(one), int(other)) for one, other in pairs]).run()


if __name__ == "__main__":
    _main(*sys.argv[1:])
