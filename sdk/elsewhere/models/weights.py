"""Weights on their way to storage: a file, or a package, which is an uncompressed zip file."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from elsewhere.artifacts.preview import shortened
from elsewhere.artifacts.staging import in_new_folder
from elsewhere.core.errors import StorageError, UsageError
from elsewhere.core.folders import named_path
from elsewhere.core.frozen import dataclass
from elsewhere.core.records import Json
from elsewhere.storage import copy_file, sha256_of
from elsewhere.storage.copies.zips import pack


class ChangedError(StorageError):
    """The weights were written to while they were read."""


@dataclass(frozen=True, slots=True)
class Originals:
    """The weights that the program gives: the file or folder `path`, or only `members` below it.

    `bytes_at`: another path to read the file from. `version` tells whether they are written to.
    """

    path: Path
    members: tuple[Path, ...] | None = None
    is_package: bool = False
    bytes_at: Path | None = None
    version: Callable[[], object] | None = None

    @property
    def stem(self) -> str:
        """The name of a model that has no other one."""
        return self.path.stem or self.path.name

    def stage(self, folder: Path, name: str, *, may_move: bool) -> tuple[dict[str, Json], Path]:
        """The fields of the record, and the new file in a new folder in `folder`.

        The file is called `name`, or else as the originals are. With `may_move`, for originals that
        are deleted after it, a file need not be copied. Raises StorageError, and ChangedError where
        the `version` is another one after it, and leaves nothing.
        """

        def keep(place: Path) -> tuple[dict[str, Json], Path]:
            version = self.version() if self.version is not None else None
            if self._is_file:
                file, preview = place / (name or self.path.name), ""
                _copy(self.bytes_at or self.path, file, may_move=may_move)
            else:
                file = place / (name or f"{self.path.resolve().name or 'weights'}.zip")
                lines = pack(self.path, file, self.members, is_compressed=False)
                preview = shortened("\n".join(lines))
            if self.version is not None and self.version() != version:
                raise ChangedError(f"The weights {self.path} are being written to.")
            fields: dict[str, Json] = {
                "size_bytes": file.stat().st_size,
                "digest": sha256_of(file),
                "is_package": self.is_package,
                "preview": preview,
            }
            return fields, file

        return in_new_folder(f"The weights {self.path}", folder, keep)

    def delete(self) -> None:
        """Deletes the originals. Raises StorageError."""
        try:
            if self.members is not None:
                for member in self.members:
                    member.unlink(missing_ok=True)
            elif self._is_file:
                self.path.unlink()
            else:
                shutil.rmtree(self.path)
        except OSError as error:
            raise StorageError(
                f"The weights {self.path} are kept, but cannot be deleted here: {error}. Delete"
                " them as a user who may, or pass auto_delete_file=False."
            ) from error

    @property
    def _is_file(self) -> bool:
        return self.members is None and not self.path.is_dir()


def one(what: str, given: object, *, is_package: bool = False) -> Originals:
    """The weights at the path `given`: a file, or a folder, which becomes a package.

    `is_package`: a file has to be a package. Raises UsageError, about the argument `what`.
    """
    path = _path(what, given)
    if path.is_dir():
        return Originals(path, is_package=True)
    if not path.is_file():
        raise UsageError(f"{what} names {path}, and there is no such file or folder.")
    if is_package and not zipfile.is_zipfile(path):
        raise UsageError(
            f"{what} names {path}, which is not a package, that is a zip file. Give a folder, or"
            " use update_weights_package."
        )
    return Originals(path, is_package=is_package)


def several(what: str, given: object) -> Originals:
    """The files `given` as one package, relative to the folder that they have in common. Raises
    UsageError, about the argument `what`."""
    if isinstance(given, (str, os.PathLike)) or not isinstance(given, Sequence) or not given:
        raise UsageError(f"{what} must be a list of paths of files, not {given!r:.80}.")
    paths = [Path(os.path.abspath(_path(what, item))) for item in given]  # noqa: PTH100 - no links
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{what} name {path}, and there is no such file.")
    root = Path(os.path.commonpath([path.parent for path in paths]))
    return Originals(root, tuple(sorted(set(paths))), is_package=True)


def _path(what: str, given: object) -> Path:
    if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
        raise UsageError(f"{what} must be the path of a file or a folder, not {given!r:.80}.")
    return named_path(given)


def _copy(path: Path, file: Path, *, may_move: bool) -> None:
    """Links the file where the original is to be deleted, else copies it."""
    # Other names of the same bytes would let somebody change what is being uploaded.
    if may_move and not path.is_symlink() and path.stat().st_nlink == 1:
        with suppress(OSError):  # another disk
            os.link(path, file)
            return
    copy_file(path, file)
