"""What a serializer is: the formats in which objects of one kind become files and come back."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from elsewhere.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Format", "Serializer", "UnwritableError", "driver", "is_instance"]


class UnwritableError(Exception):
    """A format cannot hold the object; the text says why, without a full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of file. `write` raises UnwritableError, or OSError for what the disk does.

    Within one serializer the content type tells how a file is read.
    """

    content_type: str
    write: Callable[[Any, Path], None]
    #: raises whatever its library raises
    read: Callable[[Path], object]
    #: as `write`, with the keys of dicts in their own order; None where there are no keys
    write_unsorted: Callable[[Any, Path], None] | None = None
    #: the extension to use for an object that this format cannot hold; empty: there is none
    otherwise: str = ""
    #: reading runs what the file says
    is_pickle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Serializer:
    """How objects of one kind become files."""

    accepts: Callable[[object], bool]
    #: extension -> format, the default first
    formats: Callable[[], Mapping[str, Format]]
    preview: Callable[[Any, Path], str]
    #: the default extension for this object; None: always the first
    default: Callable[[Any], str] | None = None


def driver(module: str, package: str, what: str) -> Any:
    """The third party's module, imported when it is needed. `what` begins a sentence.

    Raises StorageError that names what to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise StorageError(
            f"{what} needs the package {package!r}, which cannot be imported here: {error}. "
            f"Call: pip install {package}"
        ) from error


def is_instance(obj: object, module: str, name: str) -> bool:
    """Whether it is one, without an import: who has such an object has imported its module."""
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(obj, found)
