"""The images that agents of a home have pulled, and may remove again; never one that was there.

<home>/images/
├── <id>.json         an image that was pulled; its time of change is the time of last use
└── <id>.lock         shared by the runs that use it
"""

from __future__ import annotations

import logging
import os
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elsewhere.core.errors import RecordError
from elsewhere.core.folders import make_folder, read_record, write_beside
from elsewhere_sandbox import alone as locks
from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.core.folders import Home
    from elsewhere_sandbox.setup import Setup

# The engine's SDK is heavy, and a daemon looks at its caches.
# ruff: noqa: PLC0415

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """An image that was pulled by `name` into the engine at `url`, whose data lies in the folder
    `root`. Layers count for each image that has them."""

    name: str
    id: str
    url: str
    root: str
    size_bytes: int

    def is_on_disk_of(self, folder: Path) -> bool:
        """Whether the disk of `folder` has more room without it."""
        with suppress(OSError):  # the engine may be on another machine
            return Path(self.root).stat().st_dev == folder.stat().st_dev
        return False


def note(home: Home, image: Pulled) -> None:
    """Notes that the image was pulled. Raises OSError."""
    make_folder(home.images)
    write_beside(_note(home, image.id), image)


def use(home: Home, image_id: str, setup: Setup) -> int:
    """Marks an image as used until the returned descriptor is closed; -1 for one that was not
    pulled, which nobody removes. Raises StopRequestedError."""
    path = _note(home, image_id)
    try:
        os.utime(path)
    except FileNotFoundError:
        return -1
    return locks.share(_lock(path), setup)


def pulled(home: Home) -> Iterator[tuple[Path, Pulled]]:
    """Yields the images that were pulled, each with its note, whose time is that of last use."""
    for path in home.images.glob("*.json"):
        with suppress(RecordError, OSError):  # of a damaged one nothing is known
            if found := read_record(Pulled, path):
                yield path, found


def is_in_use(path: Path) -> bool:
    """Whether a run uses the image of the note at `path`."""
    return locks.is_in_use(_lock(path))


def remove(path: Path) -> bool:
    """Removes the image of a note. False for one that is in use, that has got another name or a
    container from somebody else, and where the engine does not answer."""
    from docker.errors import ImageNotFound

    from elsewhere_sandbox.containers.engine import ENGINE_ERRORS, connect, reason

    with locks.alone(_lock(path)) as is_alone:
        image = read_record(Pulled, path) if is_alone else None
        if image is None:
            return False
        try:
            with closing(connect(image.url)) as client, suppress(ImageNotFound):
                client.images.remove(image.id)
        except (SetupError, *ENGINE_ERRORS) as error:
            logger.info("the image %s stays: %s", image.name, reason(error))
            return False
        path.unlink(missing_ok=True)
        return True


def _note(home: Home, image_id: str) -> Path:
    return home.images / f"{image_id.rpartition(':')[2]}.json"


def _lock(path: Path) -> Path:
    return path.with_suffix(".lock")
