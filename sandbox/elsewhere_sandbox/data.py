"""Data that tasks bring along, at their paths of the code: once on a machine for each content.

<home>/data/
├── <digest>.lock         held by the one who makes it; shared by those who use it
└── <digest>/
    ├── content           the file, or the folder
    └── complete.json     written last; its time of change is the time of last use

A run has links to the files, in folders of its own. Who writes into such a file changes its time,
and then it is made anew for the next run.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere import storage
from elsewhere.core.errors import RecordError, StorageError
from elsewhere.core.folders import make_folder, read_json, write_beside
from elsewhere.core.wording import size
from elsewhere_sandbox.alone import is_in_use, shared
from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.core.data import Data
    from elsewhere.core.folders import Home, RunFolder
    from elsewhere_sandbox.setup import Setup

#: the time of each file: archives of the zip kind know none before 1980
_AT_S: Final = 315_619_200


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptData:
    """Data on the disk. `name` is its path in the task that brought it; `used_at` is a time of this
    machine's clock, in seconds."""

    path: Path
    name: str
    size_bytes: int
    used_at: float
    is_in_use: bool


def lay_data(data: Data, home: Home, folder: RunFolder, setup: Setup) -> int:
    """Links what `data` names to its path of the code. Returns a descriptor: while that is open,
    until the end of this process, the data stays on the machine. Raises SetupError, and
    StopRequestedError."""
    target = folder.code / data.path
    is_inside = target.parent.resolve().is_relative_to(folder.code.resolve())
    if not is_inside or ".." in target.parts or os.path.lexists(target):
        raise SetupError(
            f"The data {data.path!r} cannot be put into the code: something else is at that path."
        )
    place = home.data / data.digest
    make_folder(place.parent)
    facts, descriptor, is_made = shared(
        place.with_suffix(".lock"),
        lambda: _use(place),
        lambda: _make(place, data, folder.inputs / data.digest, setup),
        setup,
        f"the data {data.path}",
    )
    if not is_made:
        setup.say(f"The data {data.path}, {size(facts['size_bytes'])}, is on this machine already.")
    content = place / "content"
    for path in _files(content):
        link = target / path.relative_to(content) if data.is_folder else target
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    if data.is_folder:
        target.mkdir(parents=True, exist_ok=True)  # an empty one is there as well
    return descriptor


def kept_data(home: Home) -> Iterator[KeptData]:
    """Yields the data of this machine."""
    for marker in home.data.glob("*/complete.json"):
        facts = read_json(marker)
        if facts is not None:
            yield KeptData(
                path=marker.parent,
                name=facts["name"],
                size_bytes=facts["size_bytes"],
                used_at=marker.stat().st_mtime,
                is_in_use=is_in_use(marker.parent.with_suffix(".lock")),
            )


def _use(place: Path) -> dict[str, Any] | None:
    """What is noted of the data; None if it is not there, or not as it was made."""
    marker = place / "complete.json"
    try:
        os.utime(marker)
        facts: dict[str, Any] | None = read_json(marker)
        found = [path.stat() for path in _files(place / "content")]
    except (FileNotFoundError, RecordError):
        return None
    is_whole = facts is not None and sum(one.st_size for one in found) == facts["size_bytes"]
    return facts if is_whole and all(one.st_mtime == _AT_S for one in found) else None


def _make(place: Path, data: Data, blob: Path, setup: Setup) -> None:
    shutil.rmtree(place, ignore_errors=True)
    make_folder(place)
    content = place / "content"
    try:
        with setup.phase("data"):
            file = blob
            if data.url:
                setup.say(f"The data {data.path}, {size(data.size_bytes)}, comes from {data.url}.")
                file = place / "sent"
                storage.download(data.url, file)
            if storage.sha256_of(file) != data.digest:
                raise SetupError(
                    f"The data {data.path!r} is not what was sent: its digest is not {data.digest}."
                    " Send the task again."
                )
            if data.is_folder:
                _unpack(file, content)
            else:
                shutil.copyfile(file, content)
            (place / "sent").unlink(missing_ok=True)
            total = 0
            for path in _files(content):
                path.chmod(0o444)
                os.utime(path, (_AT_S, _AT_S))
                total += path.stat().st_size
            write_beside(place / "complete.json", {"name": data.path, "size_bytes": total})
    except BaseException as error:
        shutil.rmtree(place, ignore_errors=True)
        if isinstance(error, (StorageError, OSError, tarfile.TarError)):
            raise SetupError(f"The data {data.path!r} cannot be had here: {error}") from error
        raise


def _unpack(file: Path, content: Path) -> None:
    """Unpacks plain files alone, below `content`. Raises SetupError for anything else."""
    content.mkdir()
    with tarfile.open(file, "r:") as archive:
        for member in archive:
            path = content / member.name
            if not member.isfile() or ".." in path.parts or member.name.startswith("/"):
                raise SetupError(f"An archive of data has {member.name!r:.200}, which is refused.")
            source = archive.extractfile(member)
            assert source is not None
            path.parent.mkdir(parents=True, exist_ok=True)
            with source, path.open("xb") as target:
                shutil.copyfileobj(source, target, 1 << 20)


def _files(content: Path) -> Iterator[Path]:
    if content.is_file():
        yield content
    for parent, folders, names in os.walk(content):
        folders.sort()
        for name in sorted(names):
            yield Path(parent, name)
