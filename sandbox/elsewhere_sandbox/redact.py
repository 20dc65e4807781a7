"""Takes known secret values out of a stream of bytes, also where a chunk cuts through one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.core.secret_forms import SecretForms
from elsewhere.core.secrets import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterable

_MASK: Final = HIDDEN.encode()


class Redactor:
    """Redacts a stream: `feed` its chunks in order, `flush` at the end."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = SecretForms(secrets)
        #: a byte -> the forms that may go on behind it
        self._behind: dict[int, list[bytes]] = {}
        for form in self._forms.data:
            for byte in set(form[:-1]):
                self._behind.setdefault(byte, []).append(form)
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes that may be shown by now; a possible beginning of a secret is held back."""
        data = self._held + chunk
        shown, at = [], 0
        hold = len(data) - self._open_end(data)
        pattern = self._forms.pattern_in(data)
        for match in pattern.finditer(data) if pattern else ():
            if match.start() >= hold:  # it may be the beginning of a longer one
                break
            shown += [data[at : match.start()], _MASK]
            at = match.end()
        hold = max(hold, at)
        self._held = data[hold:]
        return b"".join([*shown, data[at:hold]])

    def flush(self) -> bytes:
        rest, self._held = self._held, b""
        return self._forms.hide_in(rest)

    def _open_end(self, data: bytes) -> int:
        """The number of bytes at the end that may begin a secret."""
        longest = 0
        for form in self._behind.get(data[-1], ()) if data else ():
            at = max(0, len(data) - len(form) + 1)
            while len(data) - at > longest and (at := data.find(form[:1], at)) >= 0:
                if form.startswith(data[at:]):
                    longest = max(longest, len(data) - at)
                    break
                at += 1
        return longest
