"""Staging: an artifact's bytes, in a file of their own that nobody changes any more."""

from __future__ import annotations

import json
import logging
import mimetypes
import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts.archive import pack
from elsewhere.errors import StorageError, UsageError, known_choices
from elsewhere.records import Artifact
from elsewhere.storage import copy_file, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SERIALIZERS", "Serializer", "stage"]

logger = logging.getLogger(__name__)

#: bytes of a preview, which is part of a record
_PREVIEW_BYTES: Final = 64 * 1024
#: characters of the longest path that Linux takes; longer text is no path
_LONGEST_PATH: Final = 4096
#: bytes of a file name before its extension
_LONGEST_STEM: Final = 200


@dataclass(frozen=True, slots=True)
class Serializer:
    """How objects of one kind become a file; the first of `extensions` is the default."""

    accepts: Callable[[object], bool]
    write: Callable[[Any, Path], None]
    extensions: tuple[str, ...]
    content_type: str


def stage(
    name: str,
    obj: object,
    folder: Path,
    *,
    metadata: Mapping[str, object] | None = None,
    preview: str | None = None,
    extension_name: str | None = None,
) -> tuple[Artifact, Path]:
    """The artifact, without a URL yet, and the new file in a new folder in `folder`.

    `obj` is the path of a file or a folder, or an object that one of SERIALIZERS accepts. Text is a
    path when a file of that name is there. The artifact's `type` is `file`, `archive` (a folder,
    zipped) or the serializer's name.

    Raises UsageError for what cannot be an artifact, StorageError when the disk does not take it.
    """
    given: object = name
    if not isinstance(given, str) or not given.strip() or given != _storable(given):
        raise UsageError(
            f"An artifact cannot have the name {name!r}: it must be text that is not empty, and "
            "valid Unicode."
        )
    source = _existing_path(obj)
    place = folder / secrets.token_hex(8)
    try:
        place.mkdir(parents=True)
        if source is None:
            kind, file, content_type = _serialize(name, obj, place, extension_name)
            shown = _head(file)
        elif source.is_dir():
            _check_extension("a folder", extension_name, (".zip",))
            file = place / f"{source.resolve().name or 'folder'}.zip"
            kind, content_type = "archive", "application/zip"
            shown = _shortened("\n".join(pack(source, file)).encode())
        else:
            _check_extension("a file", extension_name, (source.suffix,))
            file = place / source.name
            kind, content_type = "file", _guessed_type(source.name)
            copy_file(source, file)
            shown = _storable(f"{source.name}: {file.stat().st_size} bytes")
        artifact = Artifact(
            name=name,
            type=kind,
            size_bytes=file.stat().st_size,
            digest=sha256_of(file),
            content_type=content_type,
            preview=shown if preview is None else _shortened(_storable(preview).encode()),
            metadata={
                _storable(str(key)): _storable(str(value))
                for key, value in (metadata or {}).items()
            },
            machine=socket.gethostname(),
        )
    except OSError as error:
        shutil.rmtree(place, ignore_errors=True)
        raise StorageError(
            f"The artifact {name!r} cannot be kept in {folder}: {error}. "
            "Is there room on that disk, and may this user read the original?"
        ) from error
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return artifact, file


def _existing_path(obj: object) -> Path | None:
    """The file or folder that `obj` names; None for an object to serialize."""
    if isinstance(obj, str):
        if not obj or len(obj) > _LONGEST_PATH or "\0" in obj or "\n" in obj:
            return None
        path = Path(obj)
    elif isinstance(obj, os.PathLike):
        path = Path(os.fsdecode(obj))
    else:
        return None
    try:
        path = path.expanduser()
        if path.is_file() or path.is_dir():
            return path
        is_there = path.exists()
    except (OSError, RuntimeError):  # a name that is too long, an unknown user's home
        is_there = False
    if is_there:
        raise UsageError(f"{path} cannot be an artifact: it is neither a file nor a folder.")
    if not isinstance(obj, str):
        raise UsageError(f"{path} cannot be an artifact: there is no such file or folder.")
    if os.sep in obj and " " not in obj:
        logger.warning("%r is kept as text, since there is no file of this name.", obj)
    return None


def _serialize(
    name: str, obj: object, place: Path, extension_name: str | None
) -> tuple[str, Path, str]:
    for kind, serializer in SERIALIZERS.items():
        if serializer.accepts(obj):
            extension = _check_extension(f"a {kind}", extension_name, serializer.extensions)
            file = place / (_file_stem(name) + extension)
            serializer.write(obj, file)
            return kind, file, serializer.content_type
    raise UsageError(
        f"The artifact {name!r} cannot be kept: there is no file format for a "
        f"{type(obj).__module__}.{type(obj).__qualname__}. "
        f"Pass the path of a file or a folder, or one of: {', '.join(sorted(SERIALIZERS))}."
    )


def _check_extension(what: str, wanted: str | None, known: tuple[str, ...]) -> str:
    """The extension to use, with its dot."""
    if not wanted:
        return known[0]
    extension = wanted if wanted.startswith(".") else f".{wanted}"
    if extension not in known:
        raise UsageError(
            f"{what.capitalize()} cannot be kept with extension_name={wanted!r}. "
            f"{known_choices(extension, filter(None, known))}"
        )
    return extension


def _write_json(obj: object, file: Path) -> None:
    try:
        text = json.dumps(obj, indent=2, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"A {type(obj).__name__} cannot be kept as JSON: {error}. "
            "Convert what it holds to text, numbers, lists and dicts, or save it to a file."
        ) from error
    # A backslash escape of half a surrogate pair is what JSON writes for it, too.
    file.write_bytes(text.encode("utf-8", "backslashreplace"))


def _write_text(obj: str, file: Path) -> None:
    file.write_bytes(obj.encode("utf-8", "surrogatepass"))


def _json_of(*kinds: type) -> Serializer:
    return Serializer(
        accepts=lambda obj: isinstance(obj, kinds),
        write=_write_json,
        extensions=(".json",),
        content_type="application/json",
    )


#: by the artifact's type, the first that accepts an object
SERIALIZERS: Final[dict[str, Serializer]] = {
    "bool": _json_of(bool),
    "number": _json_of(int, float),
    "dict": _json_of(dict),
    "list": _json_of(list, tuple),
    "string": Serializer(
        accepts=lambda obj: isinstance(obj, str),
        write=_write_text,
        extensions=(".txt",),
        content_type="text/plain",
    ),
}


def _storable(text: str) -> str:
    """Half surrogate pairs, which come from undecodable file names, are no UTF-8: escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _file_stem(name: str) -> str:
    """A file name that is much like the artifact's name, within what file systems take."""
    stem = name.replace("/", "_").replace("\0", "_")
    return stem.encode()[:_LONGEST_STEM].decode("utf-8", "ignore")


def _guessed_type(file_name: str) -> str:
    content_type, compression = mimetypes.guess_type(file_name)
    if compression:
        return f"application/{compression}"
    return content_type or "application/octet-stream"


def _head(file: Path) -> str:
    with file.open("rb") as reader:
        return _shortened(reader.read(_PREVIEW_BYTES + 1), file.stat().st_size)


def _shortened(block: bytes, whole_bytes: int | None = None) -> str:
    if len(block) <= _PREVIEW_BYTES:
        return block.decode("utf-8", "replace")
    note = f"\n... and so on, {len(block) if whole_bytes is None else whole_bytes} bytes in all"
    return block[: _PREVIEW_BYTES - len(note)].decode("utf-8", "ignore") + note
