"""What a notebook shows: streams, values, displays, tracebacks.

A kernel sends all of it to its frontends, in place of a terminal: what cells print, what programs
print that they start, what they display. The texts go into the session's output as well, without
colours. What a display shows in place of an earlier one is left out.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


class Shown:
    """Appends what the kernel's `session` sends from now on to `output` as well.

    Of its streams only those of `streams`, with stdout also values and displays, with stderr also
    tracebacks. Raises OSError when `output` cannot be opened.
    """

    def __init__(
        self, session: Any, output: Path, streams: Sequence[str], redact: Callable[[bytes], bytes]
    ) -> None:
        """`redact` takes secrets out of what goes to `output`, a message at a time."""
        _flush()  # what was printed before is not the task's
        self._session = session
        self._streams = streams
        self._redact = redact
        self._send = session.send
        self._file: int | None = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        session.send = self.send

    def send(
        self, stream: Any, msg_or_type: Any, content: Any = None, *more: Any, **named: Any
    ) -> Any:
        """The session's own `send`, and a look at what it sends. Any thread calls it."""
        if isinstance(msg_or_type, str):
            self._take(msg_or_type, content or {})
        else:
            self._take(msg_or_type.get("msg_type", ""), msg_or_type.get("content") or {})
        return self._send(stream, msg_or_type, content, *more, **named)

    def detach(self) -> None:
        """Puts everything back."""
        _flush()
        if self._session.send == self.send:
            self._session.send = self._send
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _take(self, kind: str, content: Mapping[str, Any]) -> None:
        if kind == "stream" and content["name"] in self._streams:
            self._write(content["text"])
        elif kind in ("display_data", "execute_result") and "stdout" in self._streams:
            self._write(f"{content['data'].get('text/plain', '')}\n")
        elif kind == "error" and "stderr" in self._streams:
            self._write("\n".join([*content["traceback"], ""]))

    def _write(self, text: str) -> None:
        block = self._redact(_COLOURS.sub("", text).encode("utf-8", "backslashreplace"))
        with suppress(OSError):  # a full disk, which the journal reports
            if self._file is not None:
                os.write(self._file, block)


def _flush() -> None:
    """Has the kernel send what was printed: it waits for more, for some tenths of a second."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # the program has put another there
            stream.flush()
