"""The files that an artifact is made from.

path of a file                    the file
path of a folder                  an archive of all below it
path with a wildcard              an archive of the files that match, at any depth
list or tuple of Paths            an archive, relative to the folder that they have in common
"""

from __future__ import annotations

import glob
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import StorageError, UsageError
from elsewhere.core.folders import named_path
from elsewhere.core.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

#: characters of the longest path that Linux takes; longer text is not a path
_LONGEST_PATH: Final = 4096
#: file names in a warning
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Original:
    """A file, or a folder: all of it without `members`, else only these files below it."""

    path: Path
    members: tuple[Path, ...] | None = None
    #: given as a list: the archive is named after the artifact, not after a folder
    is_list: bool = False


def find_original(obj: object) -> Original | None:
    """The files that `obj` names; None for an object to serialize.

    A text that names no files is such an object. A Path that names none raises UsageError.
    """
    if isinstance(obj, (list, tuple)):
        paths = [Path(os.fsdecode(item)) for item in obj if isinstance(item, os.PathLike)]
        return _listed(paths) if paths and len(paths) == len(obj) else None
    if isinstance(obj, str):
        if not obj or len(obj) > _LONGEST_PATH or "\0" in obj or "\n" in obj or "://" in obj:
            return None
        path = Path(obj)
    elif isinstance(obj, os.PathLike):
        path = Path(os.fsdecode(obj))
    else:
        return None
    try:
        path = path.expanduser()
        if path.is_file() or path.is_dir():
            return Original(path)
        is_there = path.exists()
        found = None if is_there else _matching(path)
    except (OSError, RuntimeError):  # a name that is too long, an unknown user's home
        is_there, found = False, None
    if found is not None:
        return found
    if is_there:
        raise UsageError(f"{path} cannot be an artifact: it is neither a file nor a folder.")
    if not isinstance(obj, str):
        raise UsageError(f"{path} cannot be an artifact: there is no such file or folder.")
    if os.sep in obj and " " not in obj:
        logger.warning("%r is kept as text, since there is no file of this name.", obj)
    return None


def delete_original(obj: object) -> None:
    """Deletes the file that `obj` names, but no folder and no list. Raises StorageError."""
    original = find_original(obj)
    if original is None or original.members is not None or not original.path.is_file():
        return
    try:
        original.path.unlink()
    except OSError as error:
        raise StorageError(
            f"{original.path} is kept as an artifact, but cannot be deleted: {error}. "
            "Delete it as a user who may."
        ) from error


def _matching(pattern: Path) -> Original | None:
    """The files that match, below the last folder without a wildcard; None without a match."""
    plain = 0
    while plain < len(pattern.parts) and not glob.has_magic(pattern.parts[plain]):
        plain += 1
    below = pattern.parts[plain:]
    # A sentence that ends in "?" is not a pattern: the present folder is not searched for it.
    if not below or (plain == 0 and " " in pattern.name):
        return None
    root = Path(*pattern.parts[:plain]).absolute()
    members = _files(root.rglob(str(Path(*below)))) if root.is_dir() else ()
    return Original(root, members) if members else None


def _listed(paths: list[Path]) -> Original:
    whole = [Path(os.path.abspath(named_path(path))) for path in paths]  # noqa: PTH100 - no links
    missing = [str(path) for path in whole if not path.exists()]
    there = [path for path in whole if path.exists()]
    if not there:
        raise UsageError(
            f"The {len(paths)} paths cannot be an artifact: none of them is there, such as "
            f"{paths[0]}."
        )
    if missing:
        logger.warning(
            "Not in the archive: %d of %d paths that are not there, such as %s",
            len(missing),
            len(paths),
            ", ".join(missing[:_NAMED]),
        )
    # The parents' common folder, so that a single file has a name relative to it.
    root = Path(os.path.commonpath([path.parent for path in there]))
    return Original(root, _files(there), is_list=True)


def _files(found: Iterable[Path]) -> tuple[Path, ...]:
    """The files, and those below the folders, once each and sorted."""
    files = {item for path in found for item in (path.rglob("*") if path.is_dir() else [path])}
    return tuple(sorted(path for path in files if path.is_file()))
