"""Sinks for the output of a task: unchanged into a pipe or a file, made safe on a terminal."""

from __future__ import annotations

import codecs
import re
import shutil
import sys
import unicodedata
from typing import TYPE_CHECKING, Final, Protocol

from elsewhere.command.printing import clean, safe_for_terminal, say

if TYPE_CHECKING:
    from typing import BinaryIO


class Sink(Protocol):
    """The target that `logs` writes to."""

    def write(self, data: bytes) -> None:
        """Writes stored output."""

    def draw(self, line: str) -> None:
        """Draws the line that the program has not ended yet, in place of the one before."""

    def note(self, sentence: str) -> None:
        """Writes a message of the command itself, on a line of its own, to stderr."""

    def finish(self) -> None:
        """Ends the output: the drawn line stays, and the shell goes on below it."""


def open_sink() -> Sink:
    """Opens the sink for this process's stdout."""
    file = sys.stdout.buffer
    return Screen(file) if sys.stdout.isatty() else Pipe(file)


class Pipe:
    """A sink without changes; an unfinished line is left out, since it will come again."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()

    def draw(self, line: str) -> None:
        pass

    def note(self, sentence: str) -> None:
        say(sentence)

    def finish(self) -> None:
        pass


class Screen:
    """A sink for a terminal: colours stay, other control sequences are removed."""

    def __init__(self, file: BinaryIO, columns: int | None = None) -> None:
        self._file = file
        self._columns = columns
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._drawn = ""
        self._is_at_line_start = True
        self._is_coloured = False

    def write(self, data: bytes) -> None:
        text = self._held + self._decoder.decode(data)
        end = _unfinished(text)
        self._held = text[end:]
        self._print(safe_for_terminal(text[:end]))

    def draw(self, line: str) -> None:
        columns = self._columns or shutil.get_terminal_size().columns
        wanted = _fitting(clean(line), columns - 1) if self._is_at_line_start else ""
        if wanted != self._drawn:
            self._put(self._erasing() + wanted)
            self._drawn = wanted

    def note(self, sentence: str) -> None:
        self._put(self._erasing())
        self.finish()
        say(sentence)

    def finish(self) -> None:
        is_clear = self._is_at_line_start and not self._drawn
        self._put(("\x1b[0m" if self._is_coloured else "") + ("" if is_clear else "\n"))
        self._is_at_line_start, self._is_coloured, self._drawn = True, False, ""

    def _print(self, text: str) -> None:
        if text:
            self._put(self._erasing() + text)
            self._is_at_line_start = text.endswith("\n")
            self._is_coloured = self._is_coloured or "\x1b" in text

    def _erasing(self) -> str:
        """Returns the text that erases the drawn line on every terminal."""
        width = _width(self._drawn)
        self._drawn = ""
        return f"\r{' ' * width}\r" if width else ""

    def _put(self, text: str) -> None:
        if text:
            self._file.write(text.encode(errors="replace"))
            self._file.flush()


#: characters of an escape sequence without an end that are held back for the rest of it
_LONGEST_ESCAPE: Final = 4096
_BEGUN: Final = re.compile(
    r"(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*\x1b?"
    r"|\x1b[ -/]*)\Z"
)


def _unfinished(text: str) -> int:
    """Returns the start of an escape sequence that the end of `text` cuts through."""
    begun = _BEGUN.search(text, max(0, len(text) - _LONGEST_ESCAPE))
    return begun.start() if begun else len(text)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _fitting(text: str, columns: int) -> str:
    """Cuts a line so that it does not wrap: a wrapped one could not be erased."""
    while text and _width(text) > columns:
        text = text[: min(len(text) - 1, columns)]
    return text
