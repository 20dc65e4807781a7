"""Staging: an artifact's bytes, written to a new file that is not changed afterwards."""

from __future__ import annotations

import logging
import mimetypes
import secrets
import shutil
import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from elsewhere.artifacts.originals import find_original
from elsewhere.artifacts.preview import shortened, shown, storable
from elsewhere.artifacts.serializers import (
    PICKLE_EXTENSION,
    SERIALIZERS,
    TABLE_TYPE,
    UnwritableError,
)
from elsewhere.core.checks import checked_dict
from elsewhere.core.clock import now_at
from elsewhere.core.errors import StorageError, UsageError, known_choices
from elsewhere.core.folders import make_folder
from elsewhere.core.frozen import dataclass
from elsewhere.core.records import Artifact
from elsewhere.storage import STORAGES, copy_file, refuse_credentials, sha256_of
from elsewhere.storage.copies.zips import pack
from elsewhere.storage.progress import DISPLAY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from elsewhere.artifacts.originals import Original
    from elsewhere.artifacts.serializers import Serializer

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: bytes of a file name before its extension
_LONGEST_STEM: Final = 200
#: characters of the longest URL that is kept as a link
_LONGEST_LINK: Final = 2048


@dataclass(frozen=True, slots=True)
class _Kept:
    """The file that an object became, and its description for the record."""

    type: str
    file: Path
    content_type: str
    preview: str
    types: str = ""


def stage(
    name: str,
    obj: object,
    folder: Path,
    *,
    metadata: Mapping[str, object] | None = None,
    preview: str | None = None,
    extension_name: str | None = None,
    serialization_function: Callable[[Any], bytes | bytearray] | None = None,
    auto_pickle: bool | None = None,
    sort_keys: bool = True,
    retries: int = 0,
    kind: str | None = None,
) -> tuple[Artifact, Path | None]:
    """The artifact `name`, without a URL yet, and the new file in a new folder in `folder`.

    `obj` is the path of a file or a folder, a path with a wildcard, a list of Paths, a URL, or an
    object. A text is a path if a file of that name exists. A URL is a link: its bytes stay where
    they are, and it has no digest and no file. `serialization_function` returns the bytes of the
    object. An object without a serializer, or that its format cannot hold, becomes a pickle, unless
    `auto_pickle` is False. `extension_name` chooses the format. `sort_keys` is about the keys of
    dicts. `retries` is the number of further attempts when the disk fails. `kind` is a key of
    SERIALIZERS; without it the object's class decides. `preview` replaces the usual one.

    The artifact's `type` is `file`, `archive`, `custom` (a link, or bytes of a function), or a key
    of SERIALIZERS.

    Raises UsageError for what cannot be an artifact, StorageError for a failure of the disk, and
    what `serialization_function` raises.
    """
    given: object = name
    if not isinstance(given, str) or not given.strip() or given != storable(given):
        raise UsageError(
            f"An artifact cannot have the name {name!r}: it must be text that is not empty, and "
            "valid Unicode."
        )
    _check_options(name, extension_name, serialization_function, retries)
    artifact = Artifact(
        name=name,
        type="custom",
        preview=shortened(str(preview)) if preview is not None else "",
        metadata={storable(str(key)): storable(str(value)) for key, value in _items(metadata)},
        machine=socket.gethostname(),
    )
    if serialization_function is None and _is_link(obj):
        refuse_credentials(str(obj), is_kept=True)
        return replace(artifact, url=str(obj), uploaded_at=now_at()), None

    def keep(place: Path) -> _Kept:
        if serialization_function is not None:
            return _by_function(name, obj, place, extension_name, serialization_function)
        original = find_original(obj)
        if original is not None:
            return _from_files(name, original, place, extension_name)
        return _serialized(
            name,
            obj,
            place,
            extension_name,
            may_pickle=auto_pickle is not False,
            sort_keys=sort_keys,
            kind=kind,
        )

    kept = in_new_folder(f"The artifact {name!r}", folder, keep, retries)
    return replace(
        artifact,
        type=kept.type,
        size_bytes=kept.file.stat().st_size,
        digest=sha256_of(kept.file),
        content_type=kept.content_type,
        preview=artifact.preview if preview is not None else kept.preview,
        types=kept.types,
    ), kept.file


def in_new_folder(what: str, folder: Path, keep: Callable[[Path], T], retries: int = 0) -> T:
    """The result of `keep`, called with a new folder in `folder`, and `retries` times more when the
    disk fails; failed attempts leave nothing. Raises StorageError, with `what` as the subject."""
    while True:
        place = folder / secrets.token_hex(8)
        try:
            make_folder(place)
            return keep(place)
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)
            if retries > 0:
                retries -= 1
                continue
            raise StorageError(
                f"{what} cannot be kept in {folder}: {error}. Is there room on that disk, and may"
                " this user read the original?"
            ) from error
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise


def _items(metadata: Mapping[str, object] | None) -> list[tuple[str, object]]:
    return list(checked_dict("The metadata of an artifact", metadata or {}).items())


def _check_options(name: str, extension_name: object, function: object, retries: object) -> None:
    what = ""
    if not isinstance(extension_name, (str, type(None))) or set("/\0") & set(extension_name or ""):
        what = (
            "extension_name must be the end of a file's name, such as .json, not "
            f"{extension_name!r:.80}"
        )
    elif function is not None and not callable(function):
        what = f"serialization_function must be a function, not {function!r:.80}"
    elif not isinstance(retries, int):
        what = f"retries must be a whole number, not {retries!r:.80}"
    if what:
        raise UsageError(f"The artifact {name!r} cannot be kept: {what}.")


def _is_link(obj: object) -> bool:
    if not isinstance(obj, str) or len(obj) > _LONGEST_LINK:
        return False
    scheme, separator, rest = obj.partition("://")
    return bool(separator and rest) and scheme.lower() in STORAGES and len(obj.split()) == 1


def _by_function(
    name: str,
    obj: object,
    place: Path,
    extension_name: str | None,
    function: Callable[[Any], bytes | bytearray],
) -> _Kept:
    file = place / (_file_stem(name) + _dotted(extension_name or ""))
    block = function(obj)
    if not isinstance(block, (bytes, bytearray)):
        raise UsageError(
            f"The serialization_function of the artifact {name!r} returned a "
            f"{type(block).__name__}: it must return bytes."
        )
    file.write_bytes(block)
    return _Kept("custom", file, _guessed_type(file.name), shown(obj))


def _from_files(name: str, original: Original, place: Path, extension_name: str | None) -> _Kept:
    source = original.path
    if original.members is None and source.is_file():
        _check_extension("a file", extension_name, (source.suffix,))
        file = place / source.name
        with DISPLAY.moving(f"Copying {source.name}", source.stat().st_size) as row:
            copy_file(source, file, row.advance)
        preview = storable(f"{source.name}: {file.stat().st_size} bytes")
        return _Kept("file", file, _guessed_type(source.name), preview)
    _check_extension("a folder", extension_name, (".zip",))
    stem = _file_stem(name) if original.is_list else source.resolve().name or "folder"
    file = place / f"{stem}.zip"
    preview = shortened("\n".join(pack(source, file, original.members)))
    return _Kept("archive", file, "application/zip", preview)


def _serialized(
    name: str,
    obj: object,
    place: Path,
    extension_name: str | None,
    *,
    may_pickle: bool,
    sort_keys: bool,
    kind: str | None,
) -> _Kept:
    if kind is None:
        kind, extension = _chosen(name, obj, extension_name, may_pickle=may_pickle)
    else:
        extension = next(iter(SERIALIZERS[kind].formats()))
    while True:
        serializer = SERIALIZERS[kind]
        form = serializer.formats()[extension]
        file = place / (_file_stem(name) + extension)
        write = form.write if sort_keys else form.write_unsorted or form.write
        try:
            with DISPLAY.moving(f"Writing {file.name}", moved=partial(_size_bytes, file)):
                write(obj, file)
            shown = shortened(serializer.preview(obj, file))
            types = form.types(obj) if form.types is not None else ""
            return _Kept(kind, file, form.content_type, shown, types)
        except UnwritableError as error:
            file.unlink(missing_ok=True)
            instead = form.otherwise
            if not instead or (instead == PICKLE_EXTENSION and not may_pickle):
                raise UsageError(
                    f"The artifact {name!r}, a {_class_of(obj)}, cannot be kept as {extension}: "
                    f"{error}. Convert it, choose another extension_name, save it to a file, or "
                    "pass a serialization_function."
                ) from error
            logger.warning("The artifact %r is kept as %s: %s.", name, instead, error)
            kind, extension = ("pickle" if instead == PICKLE_EXTENSION else kind), instead


def _size_bytes(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _chosen(
    name: str, obj: object, extension_name: str | None, *, may_pickle: bool
) -> tuple[str, str]:
    """The kind and the extension. That of pickles allows a pickle even without `may_pickle`."""
    if extension_name and _dotted(extension_name) == PICKLE_EXTENSION:
        return "pickle", PICKLE_EXTENSION
    for kind, serializer in SERIALIZERS.items():
        if not serializer.accepts(obj) or (kind == "pickle" and not may_pickle):
            continue
        formats = serializer.formats()
        if extension_name:
            what = f"an artifact of the type {kind}"
            return kind, _check_extension(what, extension_name, tuple(formats))
        return kind, _default(serializer, obj, may_pickle=may_pickle)
    known = ", ".join(sorted(set(SERIALIZERS) - {"pickle", TABLE_TYPE}))
    raise UsageError(
        f"The artifact {name!r} cannot be kept: there is no file format for a {_class_of(obj)}, "
        f"and auto_pickle is False. Pass a path, an object of one of these types: {known}; or "
        "allow a pickle."
    )


def _default(serializer: Serializer, obj: object, *, may_pickle: bool) -> str:
    formats = serializer.formats()
    extension = serializer.default(obj) if serializer.default else next(iter(formats))
    if formats[extension].is_pickle and not may_pickle:
        return formats[extension].otherwise
    return extension


def _check_extension(what: str, wanted: str | None, known: tuple[str, ...]) -> str:
    """The extension `wanted` with its dot, by default the first of `known`. Raises UsageError."""
    if not wanted:
        return known[0]
    extension = _dotted(wanted)
    if extension not in known:
        raise UsageError(
            f"{what.capitalize()} cannot be kept with extension_name={wanted!r}. "
            f"{known_choices(extension, filter(None, known))}"
        )
    return extension


def _dotted(extension: str) -> str:
    return extension if not extension or extension.startswith(".") else f".{extension}"


def _class_of(obj: object) -> str:
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def _file_stem(name: str) -> str:
    """The artifact's name as a file name, shortened to what file systems take."""
    stem = name.replace("/", "_").replace("\0", "_")
    return stem.encode()[:_LONGEST_STEM].decode("utf-8", "ignore")


def _guessed_type(file_name: str) -> str:
    content_type, compression = mimetypes.guess_type(file_name)
    if compression:
        return f"application/{compression}"
    return content_type or "application/octet-stream"
