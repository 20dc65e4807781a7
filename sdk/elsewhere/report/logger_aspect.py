"""What each aspect of the `Logger` has: where reports go, how they are named and counted."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Final, SupportsIndex

from elsewhere.core.checks import plain
from elsewhere.core.errors import UsageError
from elsewhere.core.folders import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from elsewhere.core.events import Event
    from elsewhere.core.secrets import KnownSecrets

#: iterations are kept in 64 bits
_MOST_ITERATION: Final = 2**63 - 1


class LoggerAspect:
    """Records events of one task.

    `record` takes the events, `flush` writes them, and `shifted` gives the iteration that is
    recorded for the reported one, since a continued task counts on. What has many bytes is staged
    below `files`, a folder of the run folder, without the secrets that are `known`.
    """

    def __init__(
        self,
        record: Callable[[Event], None],
        *,
        flush: Callable[[bool], object],
        files: Path,
        known: KnownSecrets,
        shifted: Callable[[int], int] = lambda iteration: iteration,
    ) -> None:
        self._record = record
        self._flush = flush
        self._files = files
        self._known = known
        self._shifted = shifted

    def _staged(self, extension: str, data: bytes) -> tuple[str, str]:
        """Where a new file with this `data` lies in the run folder, and its SHA-256, which names
        it. Raises OSError."""
        digest = hashlib.sha256(data).hexdigest()
        folder = self._files / secrets.token_hex(8)
        make_folder(folder)
        path = folder / f"{digest}{extension}"
        path.write_bytes(data)
        return path.relative_to(self._files.parent).as_posix(), digest

    def _counted(self, iteration: object) -> int:
        """The iteration to record for the reported one. Raises UsageError."""
        return _whole(self._shifted(_whole(iteration)))


def checked_name(argument: str, name: object) -> str:
    """The `name` given as this `argument`, as UTF-8 can express it. Raises UsageError."""
    if isinstance(name, str) and name.strip():
        return name.encode("utf-8", "backslashreplace").decode("utf-8")
    raise UsageError(
        f"A value cannot be reported with {argument}={name!r}: it must be text that is not empty. "
        f"Pass a {argument} such as 'loss'."
    )


def _whole(iteration: object) -> int:
    given = iteration if isinstance(iteration, int) else plain(iteration)
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, SupportsIndex) and not isinstance(given, bool):
        try:
            number = int(given.__index__())
        except TypeError:  # an array or tensor that is no single whole number
            pass
        else:
            if abs(number) <= _MOST_ITERATION:
                return number
    raise UsageError(
        f"A value cannot be reported at iteration={iteration!r:.80}: it must be a whole number, "
        "of 64 bits at most. "
        "Pass the number of the step or epoch as an int."
    )
