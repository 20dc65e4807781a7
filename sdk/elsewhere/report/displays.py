"""What the cells of a notebook show beside their streams: values, displays, tracebacks.

A kernel sends these to its frontends, past Python's streams. Their texts go into the session's
output, without colours. What a display shows in place of an earlier one is left out.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


class Displays:
    """Appends what the kernel's `session` sends to `output` as well. Raises OSError when that
    cannot be opened."""

    def __init__(self, session: Any, output: Path, redact: Callable[[bytes], bytes]) -> None:
        self._session = session
        self._redact = redact
        self._send = session.send
        self._file: int | None = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        session.send = self.send

    def send(
        self, stream: Any, message: Any, content: Any = None, *others: Any, **rest: Any
    ) -> Any:
        """The session's own `send`, and a look at what it sends."""
        sent = self._send(stream, message, content, *others, **rest)
        kind = message if isinstance(message, str) else message.get("msg_type", "")
        shown = content if isinstance(message, str) else message.get("content")
        if text := _text(kind, shown or {}):
            self._write(text)
        return sent

    def detach(self) -> None:
        """Puts everything back."""
        if self._session.send == self.send:
            self._session.send = self._send
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, text: str) -> None:
        block = _COLOURS.sub("", text).encode("utf-8", "backslashreplace")
        with suppress(OSError):  # a full disk: the streams' own copy reports it
            if self._file is not None:
                os.write(self._file, self._redact(block + b"\n"))


def _text(kind: str, content: Mapping[str, Any]) -> str:
    if kind == "error":
        return "\n".join(content["traceback"])
    if kind in ("display_data", "execute_result"):
        return str(content["data"].get("text/plain", ""))
    return ""
