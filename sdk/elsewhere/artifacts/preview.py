"""Previews: the beginning of an artifact, as text that a record can hold."""

from __future__ import annotations

from reprlib import Repr
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

#: bytes of a preview, which is part of a record
_PREVIEW_BYTES: Final = 64 * 1024
#: elements of a container, and levels of nested containers
_ELEMENTS: Final = 100
_LEVELS: Final = 6


def head_of(file: Path) -> str:
    """The beginning of the text in `file`."""
    with file.open("rb") as reader:
        return _shortened(reader.read(_PREVIEW_BYTES + 1), file.stat().st_size)


def shortened(text: str) -> str:
    """The beginning of `text`, storable."""
    block = storable(text).encode()
    return _shortened(block, len(block))


def shown(obj: object) -> str:
    """The `repr` of `obj`, shortened; also for an object whose `repr` raises."""
    repr_of = Repr()
    repr_of.maxlevel = _LEVELS
    repr_of.maxlist = repr_of.maxtuple = repr_of.maxdict = _ELEMENTS
    repr_of.maxset = repr_of.maxfrozenset = repr_of.maxdeque = repr_of.maxarray = _ELEMENTS
    repr_of.maxstring = repr_of.maxother = _PREVIEW_BYTES
    return shortened(repr_of.repr(obj))


def storable(text: str) -> str:
    """`text` as valid UTF-8: lone surrogates, from undecodable file names, are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _shortened(block: bytes, whole_bytes: int) -> str:
    if len(block) <= _PREVIEW_BYTES:
        return block.decode("utf-8", "replace")
    note = f"\n... and so on, {whole_bytes} bytes in all"
    return block[: _PREVIEW_BYTES - len(note)].decode("utf-8", "ignore") + note
