"""What a terminal keeps of a program's output, found block by block.

Of a line that was drawn several times with carriage returns the last drawing stays. Lines that a
program goes up to again, as nested progress bars do, are kept back until it has left them below.
"""

from __future__ import annotations

import re
import sys
from typing import Final

#: bytes of output in one block
BLOCK_BYTES: Final = 256 * 1024
#: characters of an unfinished line that are shown
_PENDING_CHARACTERS: Final = 2000
#: the cursor goes up
_UP: Final = re.compile(rb"\x1b\[\d{0,3}A")
#: it goes down; up, by a number of lines; the line is erased
_STEP: Final = re.compile(rb"(\n)|\x1b\[(\d{0,3})A|\x1b\[2K")


def collapse(block: bytes, *, is_over: bool = False) -> tuple[int, bytes, str]:
    """(bytes taken, what is stored of them, the unfinished line behind them as text).

    Only whole lines are taken, unless the block is full or the output `is_over`.
    """
    is_full = len(block) >= BLOCK_BYTES
    if _UP.search(block):
        return _collapse_screen(block, takes_all=is_over and not is_full, is_full=is_full)
    taken = block.rfind(b"\n") + 1
    if is_over and not is_full:
        taken = len(block)
    elif is_full and not taken:
        taken = _last_return(block)
    data = block[:taken]
    if b"\r" in data:
        data = b"\n".join(map(_drawn, data.split(b"\n")))
    return taken, data, _shown(block[taken:])


def _collapse_screen(block: bytes, *, takes_all: bool, is_full: bool) -> tuple[int, bytes, str]:
    screen = _Screen(block)
    taken, count = (len(block), len(screen.rows)) if takes_all else screen.whole()
    if is_full and not taken:  # a picture of what is there now: it is drawn again behind it
        taken = _last_return(block)
        screen = _Screen(block[:taken])
        return taken, b"\n".join([*screen.rows, b""]), ""
    data = b"\n".join(screen.rows if takes_all else [*screen.rows[:count], b""])
    return taken, data if taken else b"", "" if takes_all else _shown(screen.rows[screen.row])


class _Screen:
    """The lines of a block after all of its movements. A movement above the first one is cut."""

    def __init__(self, block: bytes) -> None:
        self.rows = [b""]
        #: the row of the cursor
        self.row = 0
        #: row -> the offset from which on nothing was drawn above it
        self._entered: dict[int, int] = {}
        self._drawn_at = [0]
        self._is_at_start = True
        offset = 0
        for step in _STEP.finditer(block):
            self._draw(block[offset : step.start()], offset)
            offset = step.end()
            if step[1]:
                self._go_down(offset)
            elif step[2] is not None:
                self._go_up(int(step[2] or 1))
            else:
                self.rows[self.row] = b""
        self._draw(block[offset:], offset)

    def whole(self) -> tuple[int, int]:
        """(the offset behind them, how many): the lines that are over, from the first one on.

        A line below that was drawn before that offset would be lost, unless it is blank.
        """
        earliest = sys.maxsize
        for row in range(len(self.rows) - 1, 0, -1):
            if self.rows[row].strip():
                earliest = min(earliest, self._drawn_at[row])
            if (offset := self._entered.get(row)) is not None and earliest >= offset:
                return offset, row
        return 0, 0

    def _draw(self, text: bytes, at: int) -> None:
        if text.strip(b"\r"):
            before = b"" if self._is_at_start else self.rows[self.row]
            self.rows[self.row] = _drawn(before + text)
            self._drawn_at[self.row] = at
        if text:
            self._is_at_start = text.endswith(b"\r")

    def _go_down(self, offset: int) -> None:
        self.row += 1
        self._is_at_start = True
        self._entered[self.row] = offset
        if self.row == len(self.rows):
            self.rows.append(b"")
            self._drawn_at.append(offset)

    def _go_up(self, count: int) -> None:
        self.row = max(0, self.row - count)
        self._entered = {row: at for row, at in self._entered.items() if row <= self.row}


def _drawn(line: bytes) -> bytes:
    """What a terminal shows of a line: a carriage return at its end is a part of the line's end."""
    if b"\r" not in line:
        return line
    end = b"\r" if line.endswith(b"\r") else b""
    return line[: len(line) - len(end)].rpartition(b"\r")[2] + end


def _last_return(block: bytes) -> int:
    return block.rfind(b"\r", 0, len(block) - 1) + 1 or len(block)


def _shown(line: bytes) -> str:
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")[-_PENDING_CHARACTERS:]
