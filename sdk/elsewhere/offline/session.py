"""An offline session: the folder of a script that runs without a store, and the zip file after it.

    <home>/offline/<task id>/
    ├── session.json            the format, what wrote it, and the task's id
    ├── store.json tasks/ blobs/ lock      a FolderStore: the record and the code
    └── <task id>.1/            the run folder: journal, staged files, output, exit

The zip file beside it, `<task id>.zip`, has the same paths, without what the journal has, too.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core import names
from elsewhere.core.clock import now_at
from elsewhere.core.errors import RecordError, StorageError, UsageError
from elsewhere.core.folders import RunFolder, make_folder, read_json, write_beside
from elsewhere.core.frozen import dataclass
from elsewhere.core.say import say
from elsewhere.core.uploads import Placed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.core.folders import Home
    from elsewhere.core.uploads import Upload
    from elsewhere.store.folder.store import FolderStore

#: the format of a session's files; a reader takes this one and those before
FORMAT: Final = 1

_ABOUT: Final = "session.json"
#: files of the folder store whose content the journal has, too
_IN_JOURNAL: Final = ("points.", "kept.", "output.")


def refuse() -> UsageError:
    """The error of a call that needs a store."""
    return UsageError(
        "This needs the store, and the script runs offline: it can only report on its own task."
        " Switch offline mode off, or import the session first, where the store can be reached."
    )


@dataclass(frozen=True, slots=True)
class OfflineSession:
    """The paths of an offline session, its beginning and its end."""

    path: Path
    task_id: str

    @classmethod
    def new(cls, home: Home) -> OfflineSession:
        """The session of a new task; nothing is made before `begin`."""
        task_id = names.new_id()
        return cls(home.offline / task_id, task_id)

    @classmethod
    def around(cls, folder: RunFolder) -> OfflineSession | None:
        """The session that the run folder `folder` lies in; None where it lies in none."""
        session = cls(folder.path.parent, folder.task_id)
        return session if session.about.exists() else None

    @property
    def about(self) -> Path:
        return self.path / _ABOUT

    @property
    def run(self) -> RunFolder:
        return RunFolder(self.path / f"{self.task_id}.1")

    @property
    def archive(self) -> Path:
        return self.path.with_name(f"{self.task_id}.zip")

    def begin(self) -> FolderStore:
        """Makes the folder, and the store in it. Raises StorageError."""
        from importlib.metadata import version  # noqa: PLC0415 - weight

        try:
            make_folder(self.path)
            about = {"format": FORMAT, "version": version("elsewhere"), "task": self.task_id}
            write_beside(self.about, {**about, "created_at": now_at()})
        except OSError as error:
            raise StorageError(
                f"The offline session cannot be kept in {self.path}: {error}. Make room there, or"
                " set ELSEWHERE_HOME to another folder."
            ) from error
        return self.store()

    def store(self) -> FolderStore:
        from elsewhere.store.folder.store import FolderStore  # noqa: PLC0415 - weight

        return FolderStore(self.path)

    def read_about(self) -> dict[str, object]:
        """The content of session.json. Raises RecordError."""
        about = read_json(self.about)
        if not isinstance(about, dict):
            raise RecordError(f"{self.about} is missing, or does not describe a session.")
        return about

    def keep(self, folder: RunFolder, upload: Upload) -> Placed:
        """The uploader of an offline run: staged files stay where they are."""
        from elsewhere.storage import file_url  # noqa: PLC0415 - weight

        return Placed(url=file_url(upload.file), machine=socket.gethostname(), uploaded_at=now_at())

    def leave(self) -> None:
        """Zips the folder at the end of the script, and removes it when the zip file is whole."""
        from elsewhere.storage.copies.zips import pack  # noqa: PLC0415 - weight

        archive = self.archive
        beside = archive.with_name(f".{archive.name}.{os.urandom(4).hex()}")
        try:
            pack(self.path, beside, tuple(self._members()))
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            beside.rename(archive)
        except (OSError, UsageError) as error:
            beside.unlink(missing_ok=True)
            say(f"the offline session could not be zipped: {error}")
            _say_how(self.path)
            return
        RunFolder(self.path).remove()
        _say_how(archive)

    def _members(self) -> Iterator[Path]:
        for folder, folders, files in os.walk(self.path):
            folders.sort()
            for name in sorted(files):
                path = Path(folder, name)
                is_twice = path.parent.parent.name == "tasks" and name.startswith(_IN_JOURNAL)
                is_plain = path.is_file() and not path.is_symlink()
                if is_plain and not is_twice and not name.startswith(".") and name != "lock":
                    yield path


class Nowhere(OfflineSession):
    """A session that goes with its script: of a rank that belongs to no task here."""

    __slots__ = ()

    @classmethod
    def new(cls, home: Home) -> OfflineSession:  # noqa: ARG003 - its machine may have none
        import tempfile  # noqa: PLC0415 - weight

        task_id = names.new_id()
        return cls(Path(tempfile.gettempdir(), f"elsewhere-{task_id}"), task_id)

    def leave(self) -> None:
        RunFolder(self.path).remove()


def _say_how(path: Path) -> None:
    say(
        f"the offline session is stored in {path}. Where the store can be reached, import it by\n"
        f"  elsewhere import-offline-session {path}\n"
        f"or in Python by Task.import_offline_session({str(path)!r})."
    )
