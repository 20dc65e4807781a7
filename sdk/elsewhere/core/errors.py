"""Every error that the SDK raises on purpose.

ElsewhereError
├── UsageError (ValueError)          a wrong argument or a call at the wrong time
├── NotFoundError (LookupError)      a task, queue, artifact, ... that does not exist
├── TransitionError                  the task's status does not allow this
├── FencedError                      a newer attempt owns the task; this one may not write
├── ConfigurationError               config.toml or an ELSEWHERE_* variable is wrong
├── RecordError                      bytes that should hold a record do not
├── StoreUnavailableError            Redis cannot be reached
│   └── AccessError                  Redis does not let its user do this
├── CaptureError                     the code or its packages cannot be captured
│   └── TooLargeError                more bytes than may travel
├── DeleteError                      a task, or bytes that it made, could not be deleted
└── StorageError                     bytes at a URL cannot be read or written
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: choices that a message names, and characters of each
_MOST: Final = 50
_LONGEST: Final = 60


class ElsewhereError(Exception):
    """The root: catch this to catch whatever Elsewhere raises on purpose."""


class UsageError(ElsewhereError, ValueError):
    """A wrong argument, or a call at the wrong time."""


class NotFoundError(ElsewhereError, LookupError):
    """What was asked for by id or name does not exist."""


class TransitionError(ElsewhereError):
    """The task's status does not allow what was asked."""


class FencedError(ElsewhereError):
    """A newer attempt owns the task: nothing of this one is written any more."""


class ConfigurationError(ElsewhereError):
    """A setting is missing, unknown or malformed."""


class RecordError(ElsewhereError):
    """Bytes that should hold a record do not."""


class StoreUnavailableError(ElsewhereError):
    """The store cannot be reached."""

    #: True if it may only not have been started yet
    may_come: bool = False


class AccessError(StoreUnavailableError):
    """The store does not let its user do this: a program may only read it, for instance."""


class CaptureError(ElsewhereError):
    """The code or its packages cannot be captured so that they would run elsewhere."""


class TooLargeError(CaptureError):
    """What must travel with the task is larger than the limit."""


class DeleteError(ElsewhereError):
    """A task, or bytes that it made, could not be deleted."""


class StorageError(ElsewhereError):
    """Bytes at a URL cannot be read or written."""


def known_choices(wanted: str, known: Iterable[str]) -> str:
    """The end of a message about the unknown choice `wanted`: the closest of `known`, and all, or
    as many as one reads."""
    from difflib import get_close_matches  # noqa: PLC0415 - weight

    names = sorted(set(known))
    if not names:
        return "There are none yet."
    close = get_close_matches(wanted, names, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..." for name in names[:_MOST]]
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{hint}Known: {', '.join(shown)}{more}."
