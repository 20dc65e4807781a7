"""Packs an installed distribution into a wheel, for one that no index has in this form.

What is packed is what is installed, not what its sources would give if they were built now.
"""

from __future__ import annotations

import configparser
import contextlib
import csv
import io
import os
import re
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from elsewhere.core.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from elsewhere.capture.installed import Installed

#: what an installer writes beside the metadata that a wheel has
_WRITTEN: Final = {"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED"} | {
    "direct_url.json",
    "uv_cache.json",
    "uv_build.json",
}
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class Wheel(NamedTuple):
    """A wheel by the name of its file; the same files give the same bytes."""

    name: str
    content: bytes


def pack(item: Installed, limit_bytes: int) -> Wheel:
    """Packs a distribution. Raises CaptureError with the reason why it cannot be packed."""
    info = item.path.name
    if item.path.suffix != ".dist-info":
        raise CaptureError("it has no metadata of the current kind (.dist-info)")
    files = dict(_of_project(item) if item.project else _of_site(item))
    try:
        size_bytes = sum(path.stat().st_size for path in files.values())
        if size_bytes > limit_bytes:
            raise CaptureError(
                f"its files are {size_bytes / 1e6:.1f} MB, more than the {limit_bytes / 1e6:.1f} MB"
                " that may travel (ELSEWHERE_CAPTURE_LIMIT_BYTES)"
            )
        tag = _tag((item.path / "WHEEL").read_text(encoding="utf-8", errors="replace"))
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
            for name, path in sorted(files.items()):
                _add(archive, name, _portable(path.read_bytes()), path.stat().st_mode)
            names = (*sorted(files), f"{info}/RECORD")
            _add(archive, names[-1], _record(names), 0o644)
    except OSError as error:
        raise CaptureError(f"{error.filename} cannot be read: {error.strerror}") from error
    return Wheel(f"{info.removesuffix('.dist-info')}-{tag}.whl", content.getvalue())


def _of_site(item: Installed) -> Iterator[tuple[str, Path]]:
    """Yields (path in the wheel, file) of what an installer has laid out."""
    base, info = item.path.parent, item.path.name
    data = f"{info.removesuffix('.dist-info')}.data"
    if not (listed := item.files()):
        raise CaptureError("its metadata does not list its files")
    made = set(_commands(_text(item.path / "entry_points.txt")))  # by the installer
    for name in listed:
        path = Path(os.path.normpath(base / name))
        if path.parent.name == "__pycache__" or not path.is_file():
            continue
        if path.is_relative_to(item.path):
            continue
        if path.is_relative_to(base):
            yield path.relative_to(base).as_posix(), path
        elif path.parent == Path(sys.prefix, "bin"):
            if path.name not in made:
                yield f"{data}/scripts/{path.name}", path
        elif path.is_relative_to(sys.prefix):
            yield f"{data}/data/{path.relative_to(sys.prefix).as_posix()}", path
        else:
            raise CaptureError(f"it has a file outside of its environment, {path}")
    yield from _metadata(item)


def _of_project(item: Installed) -> Iterator[tuple[str, Path]]:
    """Yields (path in the wheel, file) of what Python imports of an editable project."""
    if not (places := item.places()):
        raise CaptureError(f"its modules are not found in {item.project}")
    for name, place in places.items():
        yield from _walk(name, place) if place.is_dir() else [(name, place)]
    yield from _metadata(item)


def _metadata(item: Installed) -> Iterator[tuple[str, Path]]:
    for name, path in _walk(item.path.name, item.path):
        if path.parent != item.path or path.name not in _WRITTEN:
            yield name, path


def _walk(name: str, folder: Path) -> Iterable[tuple[str, Path]]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if one != "__pycache__"]
        for file in files:
            path = Path(parent, file)
            if path.is_file():
                yield str(PurePosixPath(name, path.relative_to(folder).as_posix())), path


def _record(names: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows((name, "", "") for name in names)
    return text.getvalue().encode(errors="surrogateescape")


def _commands(entry_points: str) -> Iterator[str]:
    sections = configparser.ConfigParser(delimiters="=", strict=False, interpolation=None)
    sections.optionxform = str  # type: ignore[assignment,method-assign]
    with contextlib.suppress(configparser.Error):
        sections.read_string(entry_points)
    for group in ("console_scripts", "gui_scripts"):
        if sections.has_section(group):
            yield from sections.options(group)


def _tag(wheel: str) -> str:
    """Returns the compressed tag of a WHEEL file: cp311-cp311-linux_x86_64."""
    tags = re.findall(r"^Tag:\s*(\S+)-(\S+)-(\S+)\s*$", wheel, re.MULTILINE)
    if not tags:
        raise CaptureError("its metadata does not say what systems it is made for")
    return "-".join(".".join(sorted({tag[at] for tag in tags})) for at in range(3))


def _portable(content: bytes) -> bytes:
    """Returns a script as a wheel has it, for the installer to name its Python; or the content."""
    if content.startswith(b"#!" + os.fsencode(sys.prefix)):
        first, separator, rest = content.partition(b"\n")
        if b"python" in first:
            return b"#!python" + separator + rest
    return content


def _add(archive: zipfile.ZipFile, name: str, content: bytes, mode: int) -> None:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.external_attr = (0o100755 if mode & 0o100 else 0o100644) << 16
    archive.writestr(entry, content)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
