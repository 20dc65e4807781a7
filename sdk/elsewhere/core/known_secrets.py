"""The secrets that a program has, which are hidden in all that it records."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from elsewhere.core.secret_forms import SecretForms
from elsewhere.core.secrets import (
    GIVEN,
    HIDDEN,
    TYPED,
    hidden_words,
    hide_arguments,
    hide_passwords,
    is_secret,
    passwords_in,
    values_to_redact,
    worth_redacting,
)

#: classes of plain data in which there are texts
_DEEP: Final = (str, list, dict)
#: characters of a secret that is one within a longer value of a parameter, too, at least: a short
#: one would hide values that only begin alike
_LONG: Final = 12


class KnownSecrets:
    """The secrets that a program has: the values of its `words` that do not travel, and those of
    its `variables`, also of such as it sets later."""

    def __init__(self, words: Sequence[str], variables: Mapping[str, str]) -> None:
        self._words = tuple(_hidden_values(words))
        self._variables = variables
        self._names: tuple[str, ...] = ()
        self._seen: tuple[object, ...] = ()
        self._values: tuple[str, ...] = ()
        self._forms = SecretForms(())

    @staticmethod
    def of_this_process() -> KnownSecrets:
        """Those of its command line and its environment."""
        return KnownSecrets(sys.argv[1:], os.environ)

    def hide(self, text: str) -> str:
        """The `text` with HIDDEN for each of them, and without the passwords of URLs."""
        self._look()
        return hide_passwords(self._forms.hide(text))

    def hide_values(self, value: Any) -> Any:
        """The `value` of a parameter with HIDDEN for each text in it that is one of them, or has a
        long one in it: part of a text could not be given back to the program."""
        self._look()
        return self._without_known(value) if self._values else value

    def hide_within(self, value: Any) -> Any:
        """Plain data as `hide` gives each text in it, also the names within its dicts."""
        self._look()
        return self._hide_within(value)

    def redact(self, block: bytes) -> bytes:
        """A `block` of output with HIDDEN for each of them."""
        self._look()
        return self._forms.hide_in(block)

    @property
    def as_bytes(self) -> tuple[bytes, ...]:
        """Each of their forms as it stands in output, the longest first."""
        self._look()
        return self._forms.data

    def _hide_within(self, value: Any) -> Any:
        if isinstance(value, str):
            text = self._forms.hide(value)
            return hide_passwords(text) if "=" in text or "://" in text else text
        if isinstance(value, list):
            return [self._hide_within(item) if item.__class__ in _DEEP else item for item in value]
        if isinstance(value, dict):
            hidden = ((self._hide_within(name), item) for name, item in value.items())
            return {name: self._hide_within(item) for name, item in hidden}
        return value

    def _without_known(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._without_known(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._without_known(item) for item in value]
        return HIDDEN if isinstance(value, str) and self._is_secret(value) else value

    def _is_secret(self, text: str) -> bool:
        return text in self._values or any(
            len(form) >= _LONG and form in text for form in self._forms.texts
        )

    def _look(self) -> None:
        """Reads the variables again when there are more or fewer of them, or one has changed."""
        now = (len(TYPED), len(self._variables), *map(self._variables.get, self._names))
        if now == self._seen:
            return
        given = self._variables.get(GIVEN, "")
        named = {word.lstrip("@") for word in given.split()}
        self._names = (
            GIVEN,
            *(name for name in self._variables if is_secret(name) or name in named),
        )
        now = (len(TYPED), len(self._variables), *map(self._variables.get, self._names))
        values = worth_redacting((*self._words, *TYPED, *values_to_redact(self._variables)))
        if tuple(values) != self._values:  # the forms take a while
            self._values, self._forms = tuple(values), SecretForms(values)
        self._seen = now  # at last: another thread may hide a text meanwhile


def _hidden_values(words: Sequence[str]) -> Iterator[str]:
    for word in hidden_words(hide_arguments(words)):
        yield from passwords_in(words[word.number])
        if word.option:
            yield words[word.number][len(word.prefix) :]
