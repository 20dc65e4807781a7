"""Teed streams: what a script prints goes where it went before, and to the session's output."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, TextIO, cast

from elsewhere.report.copier import Copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

logger = logging.getLogger(__name__)

_STREAMS: Final = ("stdout", "stderr")


class Tee:
    """Appends what is printed from now on to `output` as well, in one order.

    `streams`: stdout, stderr, logging; the last where log records do not get to the others.

    Whoever was given one of these streams before is included: log handlers, loguru, structlog. Not
    seen is what goes past Python's streams (programs started by the script, C libraries), and past
    their `write`: a method or a `buffer` that was taken from a stream before. Text arrives in
    `output` as UTF-8, what that cannot express as backslash escapes; bytes as they are.

    Nothing is locked: each write is one appending system call, so threads and forked children
    share the file, and a signal handler may print. A full disk leaves a gap in the file, marked as
    soon as there is room, and never breaks a print. Raises OSError when `output` cannot be opened.
    """

    def __init__(
        self,
        output: Path,
        streams: Sequence[str] = ("stdout", "stderr"),
        redact: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """`redact` takes secrets out of what goes to `output`, a write at a time."""
        self._copy = _Copy(output, redact)
        self._handler: logging.Handler | None = None
        if "logging" in streams and "stderr" not in streams:
            self._handler = logging.StreamHandler(cast("Any", _LoggedStream(self._copy)))
            logging.root.addHandler(self._handler)
        self._originals: dict[str, Any] = {}
        self._teed: dict[str, _TeedStream] = {}
        for name in (one for one in _STREAMS if one in streams):
            original = getattr(sys, name)
            if original is not None:  # a process without a console has none
                self._originals[name] = original
                self._teed[name] = _TeedStream(original, self._copy)
                setattr(sys, name, self._teed[name])
        for teed in self._teed.values():  # not before all have their original's own `write`
            teed.take_over()

    def detach(self) -> None:
        """Puts everything back; a stream that someone has wrapped since stays, and just passes on
        what it gets. May be called twice."""
        for name, teed in self._teed.items():
            if getattr(sys, name) is teed:
                setattr(sys, name, self._originals[name])
            teed.give_back()
            _point_handlers(teed, self._originals[name])
        if self._handler is not None:
            logging.root.removeHandler(self._handler)
        self._copy.close()


class _Copy:
    """The output file, for text and bytes."""

    def __init__(self, path: Path, redact: Callable[[bytes], bytes]) -> None:
        self._redact = redact
        self._copy = Copy(str(path), lambda error: warn_of_gap(path, error))
        self.close = self._copy.close

    def write_text(self, text: str) -> None:
        self.write(text.encode("utf-8", "backslashreplace"))

    def write(self, block: bytes | memoryview) -> None:
        self._copy.write(self._redact(bytes(block)))


def warn_of_gap(path: Path, error: object) -> None:
    """Warns that the file at `path` could not be written, so that it has a gap."""
    logger.warning(
        "Output is shown but not kept: %s cannot be written (%s). Make room on that disk.",
        path,
        error,
    )


class _LoggedStream:
    """The stream of a log handler, which writes to the copy only."""

    def __init__(self, copy: _Copy) -> None:
        self.write = copy.write_text

    def flush(self) -> None: ...


class _TeedStream:
    """Looks and acts like the stream that it wraps."""

    def __init__(self, original: TextIO, copy: _Copy) -> None:
        self._original = original
        self._copy = copy
        self._write = original.write
        self._before = _own_write(original)

    def take_over(self) -> None:
        """Puts `write` into the original: whoever was given that before calls it by its name."""
        with suppress(AttributeError, TypeError):  # a stream of a class with slots
            self._original.write = self.write  # type: ignore[method-assign]

    def give_back(self) -> None:
        """Undoes `take_over`, unless somebody else has replaced `write` since."""
        if _own_write(self._original) != self.write:
            return
        if self._before is None:
            del self._original.write
        else:
            self._original.write = self._before  # type: ignore[method-assign]

    def write(self, text: str) -> int:
        # First: when the original refuses the text, nothing was printed.
        written = self._write(text)
        self._copy.write_text(text)
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> IO[bytes]:
        return cast("IO[bytes]", _TeedBuffer(self._original.buffer, self._copy))

    def detach(self) -> IO[bytes]:
        return cast("IO[bytes]", _TeedBuffer(cast("Any", self._original).detach(), self._copy))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._original)

    def __enter__(self) -> TextIO:
        self._original.__enter__()
        return cast("TextIO", self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._original.__exit__(kind, error, trace)


class _TeedBuffer:
    """The binary stream below a `_TeedStream`, with the same copy."""

    def __init__(self, original: IO[bytes], copy: _Copy) -> None:
        self._original = original
        self._copy = copy

    def write(self, block: bytes) -> int:
        written = self._original.write(block)
        # Below `python -u` lies the bare file, which may take less than it is given.
        self._copy.write(memoryview(block).cast("B")[: written or 0])
        return written

    def writelines(self, blocks: Iterable[bytes]) -> None:
        for block in blocks:
            self.write(block)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


def _own_write(stream: object) -> Any:
    """The `write` of the stream itself, in place of its class's; None without one."""
    return getattr(stream, "__dict__", {}).get("write")


def _point_handlers(old: object, new: object) -> None:
    """Points the log handlers that write to `old` at `new`."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    for owner in loggers:
        for handler in getattr(owner, "handlers", ()):  # a placeholder has none
            if isinstance(handler, logging.StreamHandler) and handler.stream is old:
                handler.setStream(new)
