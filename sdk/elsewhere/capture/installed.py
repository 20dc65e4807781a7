"""Installed distributions, by their metadata on the path; files are read when they are needed."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import os
import re
import sys
from base64 import urlsafe_b64encode
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

#: folders of installed packages, by their names on every platform
_INSTALLED: Final = {"site-packages", "dist-packages"}
_HEADER: Final = re.compile(rb"^(Name|Version|Requires-Dist):[ \t]*(.*?)\s*$", re.MULTILINE)
#: a file, its hash and its bytes, in the list of a distribution's files; not one of its commands
_LISTED: Final = re.compile(rb"^(?!\.\./)([^,\n\"]+),sha256=([\w-]+)=*,(\d+)", re.MULTILINE)
_NAME: Final = re.compile(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?")
#: nanoseconds by which a file may be younger than the list of its distribution's files
_AT_ONCE_NS: Final = 2_000_000_000


class Installed:
    """A distribution by its `.dist-info` or `.egg-info`, a folder or a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.direct = self._direct_url()
        self.project: Path | None = None
        if self.direct.get("dir_info", {}).get("editable"):
            self.project = Path(unquote(urlsplit(self.direct["url"]).path)).resolve()
        elif path.suffix == ".egg-info" and not is_installed(path):  # setup.py develop
            self.project = path.parent.resolve()

    @cached_property
    def key(self) -> str:
        """Its normalised name."""
        return normalised(self.path.stem.partition("-")[0])

    @property
    def version(self) -> str:
        """Empty where the metadata has none."""
        return next(iter(self._headers.get("Version", ())), "")

    @property
    def requires(self) -> tuple[str, ...]:
        """The requirements of its metadata; of an old format, those without a section."""
        if found := self._headers.get("Requires-Dist"):
            return tuple(found)
        plain = self._read("requires.txt").decode(errors="replace").partition("\n[")[0]
        lines = (line.strip() for line in plain.splitlines())
        return tuple(line for line in lines if line and not line.startswith("["))

    @property
    def is_requested(self) -> bool:
        """Whether a person may have named it to the installer: False for one that was brought for
        another, which pip alone distinguishes."""
        return self.installer != "pip" or (self.path / "REQUESTED").exists()

    @cached_property
    def installer(self) -> str:
        """What has installed it: pip, uv, conda."""
        return self._read("INSTALLER").decode(errors="replace").strip()

    def modules(self) -> bytes:
        """Returns the paths of its files, each after a newline; made of names if it lists none."""
        if self.project is None and self._record:
            return b"\n" + self._record
        return "".join(f"\n{top}.py" for top in self._tops()).encode()

    def files(self) -> list[str]:
        """Returns the paths of the files that its installer has listed, as they stand there."""
        lines = self._record.decode(errors="surrogateescape").splitlines()
        return [row[0] for row in csv.reader(lines) if row]

    def places(self) -> dict[str, Path]:
        """Returns the modules and packages of an editable project by their names, wherever Python
        finds them."""
        assert self.project is not None
        found = {}
        for top in self._tops():
            try:
                spec = importlib.util.find_spec(top)
            except (ImportError, ValueError, AttributeError):
                continue
            origin = spec and spec.origin and spec.origin != "namespace" and spec.origin
            folders = list(spec.submodule_search_locations or ()) if spec else []
            for place in folders or ([origin] if origin else []):
                if is_below(path := Path(place).resolve(), self.project):
                    found[top + ("" if path.is_dir() else path.name[path.name.index(".") :])] = path
        return found

    def edited(self) -> str:
        """Returns a file that was edited where it is installed, or "". Conda edits by itself."""
        if self.project is not None or not self.path.is_dir() or self.installer == "conda":
            return ""
        base = os.fsencode(f"{self.path.parent}/")
        try:
            installed_at = (self.path / "RECORD").stat().st_mtime_ns + _AT_ONCE_NS
        except OSError:
            return ""
        for listed in _LISTED.finditer(self._record):  # thousands of files: no csv, no Path
            file = base + listed[1]
            try:
                found = os.stat(file)  # noqa: PTH116
                if found.st_mtime_ns < installed_at and found.st_size == int(listed[3] or -1):
                    continue
                content = Path(os.fsdecode(file)).read_bytes()
            except OSError:
                continue
            if urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=") != listed[2]:
                return os.fsdecode(listed[1])
        return ""

    def holds(self, files: frozenset[Path]) -> bool:
        """Returns whether one of the local modules belongs to this editable project."""
        assert self.project is not None
        tops = set(self._tops())
        for folder in (self.project / "src", self.project):
            for file in files:
                if is_below(file, folder):
                    top = file.relative_to(folder).parts[0].removesuffix(".py")
                    if top in tops:
                        return True
        return False

    @cached_property
    def _record(self) -> bytes:
        return self._read("RECORD")

    @cached_property
    def _headers(self) -> dict[str, list[str]]:
        content = b""
        names = ("METADATA", "PKG-INFO") if self.path.is_dir() else ("",)
        for name in names:
            content = content or self._read(name)
        found: dict[str, list[str]] = {}
        ends = (content.find(mark) for mark in (b"\n\n", b"\n\r\n"))
        end = min((at for at in ends if at >= 0), default=len(content))
        for key, value in _HEADER.findall(content, 0, end):
            found.setdefault(key.decode(), []).append(value.decode(errors="replace"))
        return found if "Name" in found else {}

    def _tops(self) -> list[str]:
        if listed := self._read("top_level.txt").decode(errors="replace").split():
            return listed
        if self.project is None:
            return [self.key.replace("-", "_")]
        lines = (
            line
            for name in self.files()
            if name.endswith(".pth")
            for line in self._beside(name).decode(errors="replace").splitlines()
        )
        on_path = [Path(line) for line in lines if Path(line).is_absolute()]
        folders = dict.fromkeys([self.project, self.project / "src", *on_path])
        tops = {
            path.relative_to(folder).parts[0].removesuffix(".py")
            for folder in folders
            for pattern in ("*.py", "*/*.py", "*/*/__init__.py")
            for path in folder.glob(pattern)
        }
        return sorted(top for top in tops if top.isidentifier())

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name if name else self.path).read_bytes()
        except OSError:
            return b""

    def _beside(self, name: str) -> bytes:
        try:
            return (self.path.parent / name).read_bytes()
        except OSError:
            return b""

    def _direct_url(self) -> dict[str, Any]:
        try:
            plain = json.loads(self._read("direct_url.json") or b"{}")
        except ValueError:
            return {}
        return plain if isinstance(plain, dict) else {}


def installed() -> list[Installed]:
    """Returns the distributions on the path: of each name the first, as for an import."""
    found: dict[str, Path] = {}
    for folder in dict.fromkeys(entry or "." for entry in sys.path):
        try:
            # in this order, as importlib.metadata takes the first of two with one name
            names = os.listdir(folder)  # noqa: PTH208 - hundreds of names, no paths needed
        except OSError:
            continue
        for name in names:
            stem, _, kind = name.rpartition(".")
            if kind in ("dist-info", "egg-info"):
                named = stem.partition("-")[0]
                if _NAME.fullmatch(named):  # not what pip has left of an earlier one: ~umpy
                    found.setdefault(normalised(named), Path(folder, name))
    return [Installed(path) for path in found.values()]


def is_below(path: Path, folder: Path) -> bool:
    """Returns whether the path is the folder or lies in it; both are absolute."""
    return path == folder or folder in path.parents


def is_installed(path: Path) -> bool:
    """Returns whether the path lies in a folder of installed packages."""
    return not _INSTALLED.isdisjoint(path.parts)


def name_in(line: str) -> str:
    """Returns the package of a requirement line, normalised; the line for a path or a URL alone."""
    found = _NAME.match(line)
    return normalised(found[0]) if found and "://" not in line.partition("@")[0] else line


def normalised(name: str) -> str:
    """Returns the name of a distribution as an index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
