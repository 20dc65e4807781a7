"""The forms in which texts show a secret: what is printed is rarely the value as it was given.

- A file of several lines is as many secrets: its lines, and what JSON, an ini or an env file in it
  has under names of secrets. What a person must be able to read, such as `-----BEGIN ...`, is none.
- Each is known also in base64, of either alphabet and wherever it begins within a longer text
  (`user:password`), also in lines of 76 characters; URL-encoded; and as JSON and Python write it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final

from elsewhere.core.secrets import HIDDEN, is_secret, worth_redacting

#: characters of a line of base64, as `base64` and MIME write it
_LINE: Final = 76
#: what stands in a line under the name of a secret: `aws_secret_access_key = X`, `password X`
_NAMED: Final = re.compile(r"""([\w.-]+)["']?(?:\s*[=:]\s*|\s+)["']?([^\s"',]+)""")


class SecretForms:
    """All forms of the secret `values`, the longest first, as texts and as `data`."""

    def __init__(self, values: Iterable[str]) -> None:
        parts = worth_redacting(part for value in values for part in _parts(value.strip()))
        self.texts = tuple(worth_redacting(form for part in parts for form in _forms(part)))
        self.data = tuple(text.encode(errors="surrogateescape") for text in self.texts)

    def hide(self, text: str) -> str:
        """The `text` with HIDDEN for each of them."""
        found = [re.escape(form) for form in self.texts if form in text]
        return re.sub("|".join(found), HIDDEN, text) if found else text

    def pattern_in(self, data: bytes) -> re.Pattern[bytes] | None:
        """A pattern of those that are in the `data`; None without one, which is found out far
        faster than by a pattern of all."""
        found = [re.escape(form) for form in self.data if form in data]
        return re.compile(b"|".join(found)) if found else None

    def hide_in(self, data: bytes) -> bytes:
        """The `data` of an output with HIDDEN for each of them."""
        pattern = self.pattern_in(data)
        return data if pattern is None else pattern.sub(HIDDEN.encode(), data)


def _parts(value: str) -> Iterator[str]:
    """Yields a secret, and what it is made of."""
    yield value
    if value.startswith("{"):
        import json  # noqa: PLC0415 - weight

        with suppress(ValueError, RecursionError):
            yield from _named_in(json.loads(value))
            return
    lines = value.splitlines()
    for line in map(str.strip, lines if len(lines) > 1 else ()):
        named = [text for name, text in _NAMED.findall(line) if is_secret(name)]
        yield from named or ([] if line.startswith("-----") else [line])


def _named_in(plain: Any, name: str = "") -> Iterator[str]:
    """Yields the texts of JSON that stand under names of secrets."""
    if isinstance(plain, dict):
        for key, item in plain.items():
            yield from _named_in(item, name if is_secret(name) else key)
    elif isinstance(plain, list):
        for item in plain:
            yield from _named_in(item, name)
    elif isinstance(plain, str) and is_secret(name):
        yield from _parts(plain.strip())


def _forms(text: str) -> Iterator[str]:
    import json  # noqa: PLC0415 - weight, as is the other
    from urllib.parse import quote, quote_plus  # noqa: PLC0415

    data = text.encode(errors="surrogateescape")
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield quote(data)
    yield quote(data, safe="")
    yield quote_plus(data)
    for form in _in_base64(data):
        yield form
        yield form.replace("+", "-").replace("/", "_")


def _in_base64(data: bytes) -> Iterator[str]:
    """Yields those of its characters that no neighbour changes, for each place modulo 3 at which
    the data may begin; and the whole of it by itself."""
    from binascii import b2a_base64  # noqa: PLC0415 - weight

    whole = b2a_base64(data, newline=False).decode()
    yield whole
    if len(whole) > _LINE:
        yield from (whole[at : at + _LINE] for at in range(0, len(whole), _LINE))
    for before in range(3):
        bits = (before + len(data)) * 8
        found = b2a_base64(bytes(before) + data, newline=False).decode()
        yield found[-(-before * 8 // 6) : bits // 6]
