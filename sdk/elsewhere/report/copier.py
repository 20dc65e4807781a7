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
    copy NUMBER      what was written before is in OUTPUT when the answer comes
    end NUMBER       the same, and from then on no copy is kept

It reports `broken SOURCE` when nobody reads a target any more, then nobody can write to the source
either; `lost ERROR` for the first other error of a target, and `full ERROR` for one of OUTPUT. It
ends when the program has, and nobody can write to a source any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import select
import struct
import sys
import termios
import time
from contextlib import suppress
from io import FileIO
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: seconds for which the copy is held back: a secret that a program sets, and prints, is known then
HELD_S: Final = 0.2
_BLOCK_BYTES: Final = 64 * 1024
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


class _Copier:
    def __init__(self, control: int, output: str, targets: dict[int, int]) -> None:
        """`targets`: source -> target."""
        self._control = control
        self._copy = Copy(output, lambda error: self._report(f"full {errno.errorcode[_no(error)]}"))
        self._targets = targets
        self._received = b""
        #: what is not copied yet, and how much of it came before the current period of HELD_S
        self._held = b""
        self._old_bytes = 0
        self._period_end = 0.0
        self._is_over = False
        self._is_copying = True
        self._has_lost = False
        self._secrets = re.compile(b"(?!)")
        self._longest_bytes = 0
        self._poll = select.poll()
        for descriptor in (control, *targets):
            self._poll.register(descriptor, select.POLLIN)

    def run(self) -> None:
        self._report("0")
        while self._targets or not self._is_over:
            left_s = self._period_end - time.monotonic()
            for descriptor, _ in self._poll.poll(max(0, left_s * 1000) if self._held else None):
                if descriptor == self._control:
                    self._obey()
                elif descriptor in self._targets:
                    self._pass_on(descriptor)
            if self._held and time.monotonic() >= self._period_end:
                self._keep(self._old_bytes)
        self._keep(len(self._held))
        self._copy.close()

    def _pass_on(self, source: int) -> int:
        """Passes a block on, and returns its size; 0 where nobody can write any more."""
        try:
            block = os.read(source, _BLOCK_BYTES)
        except OSError:  # of a pty that nobody has open
            block = b""
        if not block:
            self._leave(source)
            return 0
        target = self._targets[source]
        with suppress(OSError):
            _resize(source, target)
        try:
            _write_all(target, block)
        except BrokenPipeError:
            self._report(f"broken {source}")
            self._leave(source)
        except OSError as error:  # a full disk, a terminal that is gone: the copy has it
            if not self._has_lost:
                self._report(f"lost {errno.errorcode[_no(error)]}")
            self._has_lost = True
        if self._is_copying:
            if not self._held:
                self._period_end = time.monotonic() + HELD_S
            self._held += block
            if len(self._held) > _MOST_HELD_BYTES:
                self._keep(len(self._held) - self._longest_bytes)
        return len(block)

    def _leave(self, source: int) -> None:
        self._poll.unregister(source)
        del self._targets[source]
        os.close(source)

    def _keep(self, size: int) -> None:
        """Writes so many bytes of what was held back, and no part of a secret. A period begins."""
        for found in self._secrets.finditer(self._held):
            if found.start() < size < found.end():
                size = found.end()
        if size:
            self._copy.write(self._secrets.sub(_HIDDEN, self._held[:size]))
            self._held = self._held[size:]
        self._old_bytes, self._period_end = len(self._held), time.monotonic() + HELD_S

    def _obey(self) -> None:
        try:
            received = os.read(self._control, _BLOCK_BYTES)
        except OSError:
            received = b""
        if not received:  # the program is over; its children may not be
            self._is_over = True
            self._poll.unregister(self._control)
            return
        *lines, self._received = (self._received + received).split(b"\n")
        for line in lines:
            word, *given = line.decode().split(" ")
            if word == "secrets":
                secrets = [bytes.fromhex(one) for one in given if one]
                self._secrets = re.compile(b"|".join(map(re.escape, secrets)) or b"(?!)")
                self._longest_bytes = max(map(len, secrets), default=0)
                continue
            self._drain()
            self._keep(len(self._held))
            if word == "end":
                self._is_copying = False
                self._copy.close()
            self._report(given[0])

    def _drain(self) -> None:
        """Passes on what lies in the sources now."""
        for source in list(self._targets):
            left = _waiting_bytes(source)
            while left > 0 and (taken := self._pass_on(source)):
                left -= taken

    def _report(self, line: str) -> None:
        with suppress(OSError):
            os.write(self._control, line.encode() + b"\n")


def _no(error: OSError) -> int:
    return error.errno or errno.EIO


def _write_all(target: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        try:
            view = view[os.write(target, view) :]
        except BlockingIOError:  # somebody who has the same terminal has made it so
            poll = select.poll()
            poll.register(target, select.POLLOUT)
            poll.poll()


def _waiting_bytes(source: int) -> int:
    with suppress(OSError):
        return int(struct.unpack("i", fcntl.ioctl(source, termios.FIONREAD, b"\0" * 4))[0])
    return 0


def _resize(source: int, target: int) -> None:
    """Gives a pty the size of the terminal for which it stands. Raises OSError for a pipe."""
    size = fcntl.ioctl(target, termios.TIOCGWINSZ, b"\0" * 8)
    if fcntl.ioctl(source, termios.TIOCGWINSZ, b"\0" * 8) != size:
        fcntl.ioctl(source, termios.TIOCSWINSZ, size)


def _main(control: str, output: str, *ways: str) -> None:
    pairs = (way.split(":") for way in ways)
    _Copier(int(control), output, {int(source): int(target) for source, target in pairs}).run()


if __name__ == "__main__":
    _main(*sys.argv[1:])
