"""The offset that a continued task adds to the iterations of its reports."""

from __future__ import annotations

from typing import Final

from elsewhere.core.checks import is_whole, plain
from elsewhere.core.errors import UsageError

#: iterations are kept in 64 bits: those that follow this one fit, too
_MOST: Final = 2**62


def checked_offset(what: str, given: object) -> int:
    """The offset `given` as the argument `what`. Raises UsageError."""
    if not is_whole(given) or abs(given) > _MOST:
        raise UsageError(f"{what} must be a whole number, from -2**62 to 2**62, not {given!r:.80}.")
    return int(plain(given))


class Offset:
    """Shifts iterations by `at`, unless the script counts on by itself.

    The first reported iteration decides: a script that has read how far it was begins at `at` or
    behind it, and is not shifted.
    """

    def __init__(self, at: int = 0) -> None:
        self.at = at
        #: what is added; None before the first iteration
        self.added: int | None = None
        #: the last iteration, as it is recorded; None before the first report
        self.last: int | None = None

    def set(self, at: int) -> None:
        """Changes the offset from the next report on, which decides again."""
        self.at, self.added = at, None

    def shifted(self, iteration: int) -> int:
        if self.added is None:
            self.added = self.at if iteration < self.at else 0
        self.last = iteration + self.added
        return self.last
