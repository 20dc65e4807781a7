"""The ways of a program's output, from its descriptors to where it went before.

The copier reads at their other ends. A terminal has a pty for its way, of its size, anything else a
pipe.
"""

from __future__ import annotations

import errno
import fcntl
import os
import termios
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCK_BYTES: Final = 64 * 1024


def ways_of(descriptors: Sequence[int]) -> list[Way]:
    """A way for each file that is open at the `descriptors`. Raises OSError."""
    together: dict[tuple[int, ...], list[int]] = {}
    for descriptor in descriptors:
        together.setdefault(file_of(descriptor), []).append(descriptor)
    ways: list[Way] = []
    try:
        for one in together.values():
            ways.append(Way(one))  # noqa: PERF401 - closed below, as far as it came
    except OSError:
        for way in ways:
            way.close()
        raise
    return ways


class Way:
    """What stands for one file at some descriptors, and leads to it through the copier."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self.descriptors = descriptors
        #: where what comes leads to
        self.target = _above(descriptors[0])
        try:
            ends = _pty_like(self.target) if os.isatty(self.target) else os.pipe()
            self.source, self._end = map(moved_above, ends)
        except OSError:
            os.close(self.target)
            raise
        self._file = file_of(self._end)
        self._source_file, self._target_file = file_of(self.source), file_of(self.target)

    @property
    def is_read(self) -> bool:
        """Whether this process still has its source."""
        return is_of(self.source, self._source_file)

    def open(self) -> None:
        """Puts it into the place of its descriptors."""
        for descriptor in self.descriptors:
            os.dup2(self._end, descriptor)
        self._close_end()

    def restore(self) -> None:
        """Puts back what was there, unless the program has put something else there since."""
        for descriptor in self.descriptors:
            if is_of(descriptor, self._file) and is_of(self.target, self._target_file):
                os.dup2(self.target, descriptor)

    def close_source(self) -> None:
        """Nobody reads what is written to it any more: so its writers find a broken pipe."""
        if self.is_read:
            os.close(self.source)
        self.source = -1

    def give_up(self) -> None:
        """Puts back what was there, and passes on what lies in the source."""
        self.restore()
        if self.is_read:
            os.set_blocking(self.source, False)
            with suppress(OSError):
                while block := os.read(self.source, _BLOCK_BYTES):
                    os.write(self.target, block)
        self.close_source()

    def close(self) -> None:
        self.close_source()
        self._close_end()
        if is_of(self.target, self._target_file):
            os.close(self.target)
        self.target = -1

    def _close_end(self) -> None:
        if self._end >= 0:
            os.close(self._end)
        self._end = -1


def _above(descriptor: int) -> int:
    """A copy of it that is none of the three standard ones, of which some may be free."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def moved_above(descriptor: int) -> int:
    """A descriptor of the same file that is none of those three; the given one is closed then."""
    if descriptor > 2:
        return descriptor
    moved = _above(descriptor)
    os.close(descriptor)
    return moved


def file_of(descriptor: int) -> tuple[int, ...]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_rdev


def is_of(descriptor: int, file: tuple[int, ...]) -> bool:
    """Whether it is still the `file`: a program may close all descriptors that it does not know,
    and open others, which get the same numbers."""
    with suppress(OSError):
        return file_of(descriptor) == file
    return False


def _pty_like(terminal: int) -> tuple[int, int]:
    """(master, slave) of a new pty, with the size of `terminal`, that changes nothing itself."""
    master, slave = os.openpty()
    try:
        attributes = termios.tcgetattr(terminal)
        attributes[1] &= ~termios.OPOST  # that terminal does it
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        size = fcntl.ioctl(terminal, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
    except termios.error as error:
        os.close(master)
        os.close(slave)
        raise OSError(errno.ENOTTY, str(error)) from error
    return master, slave
