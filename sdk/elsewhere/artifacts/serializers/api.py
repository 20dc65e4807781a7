"""The interface of a serializer: the formats in which objects of one kind become files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from elsewhere.core.errors import StorageError
from elsewhere.core.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


class UnwritableError(Exception):
    """A format cannot hold the object; the message is the reason, without a full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of file. `write` raises UnwritableError, or OSError for a failure of the disk.

    Within one serializer the content type determines how a file is read.
    """

    content_type: str
    write: Callable[[Any, Path], None]
    #: raises the errors of its library
    read: Callable[[Path], object]
    #: as `write`, with the keys of dicts in their own order; None where there are no keys
    write_unsorted: Callable[[Any, Path], None] | None = None
    #: the extension to use for an object that this format cannot hold; empty if there is none
    otherwise: str = ""
    #: what the file alone does not hold of an object, as a text for the record, and how a file is
    #: read with that text; None where it holds all
    types: Callable[[Any], str] | None = None
    read_typed: Callable[[Path, str], object] | None = None
    #: reading runs code in the file
    is_pickle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Serializer:
    """How objects of one kind become files."""

    accepts: Callable[[object], bool]
    #: extension -> format, the default first
    formats: Callable[[], Mapping[str, Format]]
    preview: Callable[[Any, Path], str]
    #: the default extension for an object; None: always the first
    default: Callable[[Any], str] | None = None


def driver(module: str, package: str, what: str) -> Any:
    """The `module` of the third-party `package`, imported now.

    Raises StorageError, with `what` as the subject and the command that installs `package`.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise StorageError(
            f"{what} needs the package {package!r}, which cannot be imported here: {error}. "
            f"Call: pip install {package}"
        ) from error
