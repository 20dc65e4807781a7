"""Takes known secret values out of a stream of bytes, also where a chunk cuts through one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from elsewhere.core.secrets import HIDDEN, worth_redacting

if TYPE_CHECKING:
    from collections.abc import Iterable

_MASK: Final = HIDDEN.encode()


class Redactor:
    """Redacts a stream: `feed` its chunks in order, `flush` at the end."""

    def __init__(self, secrets: Iterable[str]) -> None:
        values = worth_redacting(secrets)
        self._values = [value.encode(errors="surrogateescape") for value in values]
        self._pattern = re.compile(b"|".join(map(re.escape, self._values)) or b"(?!)")
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes that may be shown by now; a possible beginning of a secret is held back."""
        if not self._values:
            return chunk
        data = self._held + chunk
        shown, at = [], 0
        hold = len(data) - self._open_end(data)
        for match in self._pattern.finditer(data):
            if match.start() >= hold:  # it may be the beginning of a longer one
                break
            shown += [data[at : match.start()], _MASK]
            at = match.end()
        hold = max(hold, at)
        self._held = data[hold:]
        return b"".join([*shown, data[at:hold]])

    def flush(self) -> bytes:
        rest, self._held = self._held, b""
        return self._pattern.sub(_MASK, rest)

    def _open_end(self, data: bytes) -> int:
        """The number of bytes at the end that may begin a secret."""
        longest = min(len(self._values[0]) - 1, len(data))
        for size in range(longest, 0, -1):
            end = data[-size:]
            if any(len(value) > size and value.startswith(end) for value in self._values):
                return size
        return 0
