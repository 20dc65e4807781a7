"""The spool: it writes the output of a program to `output.log`, redacted, at once.

It always reads on, whatever happens to the disk: a program is never blocked by its log.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from elsewhere.core.folders import append_plain

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere_sandbox.redact import Redactor

logger = logging.getLogger(__name__)

#: bytes of the last output that are kept for error messages
_TAIL_BYTES: Final = 64 * 1024


class Spool:
    """Appends to one file. `tail` holds the last bytes since it was last cleared."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._descriptor = append_plain(path)
        self._redactor = redactor
        #: bytes that were not kept, since the disk was full
        self.lost_bytes = 0
        self.tail = b""

    def write(self, chunk: bytes) -> None:
        self._append(self._redactor.feed(chunk))

    def say(self, line: str) -> None:
        """Writes a message of the runner on a line of its own."""
        self.settle()
        text = f"[elsewhere] {line}\n".encode(errors="replace")
        self._append(self._redactor.feed(text) + self._redactor.flush())

    def settle(self) -> None:
        """Completes a program's output: nothing is held back, the last line is whole."""
        self._append(self._redactor.flush())
        if self.tail and not self.tail.endswith(b"\n"):
            self._append(b"\n")

    def close(self) -> None:
        """Closes the file; everything is on disk when this returns."""
        self._append(self._redactor.flush())
        if self.lost_bytes:
            self._append(
                b"\n[elsewhere] %d bytes of output were not kept: the disk was full.\n"
                % self.lost_bytes
            )
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            logger.error("output cannot be written: %s", error)  # noqa: TRY400 - not our bug
        os.close(self._descriptor)

    def _append(self, data: bytes) -> None:
        if not data:
            return
        self.tail = (self.tail + data)[-_TAIL_BYTES:]
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            if not self.lost_bytes:
                logger.error("output cannot be written: %s", error)  # noqa: TRY400 - not our bug
            self.lost_bytes += len(view)
