"""Reading an offline session: a zip file or a folder, checked to the end before it is used."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core import names
from elsewhere.core.errors import (
    ElsewhereError,
    NotFoundError,
    RecordError,
    StorageError,
    UsageError,
)
from elsewhere.core.folders import make_folder, named_path
from elsewhere.core.frozen import dataclass
from elsewhere.core.notes import read_runner
from elsewhere.core.records import Outcome, TaskRecord
from elsewhere.delivery.sessions import outcome_of
from elsewhere.offline.session import FORMAT, OfflineSession
from elsewhere.storage.copies.zips import unpack
from elsewhere.store.folder.store import FolderStore
from elsewhere.store.model_records import ModelFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.core.folders import Home
    from elsewhere.core.records import ModelRecord

_ID: Final = re.compile("[0-9a-f]{32}")
#: deflate makes 1032 bytes of one at most: a file that declares more is forged
_MOST_TIMES: Final = 1100
#: seconds after which nobody writes into a hidden file any more
_LEFT_S: Final = 86_400
#: bytes that no session is too large for
_SMALL_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A session that is over. `models` are those that its task registered, not those that it made;
    `work` is a folder for the import, removed after it."""

    session: OfflineSession
    record: TaskRecord
    models: tuple[ModelRecord, ...]
    outcome: Outcome
    work: Path

    @property
    def store(self) -> FolderStore:
        return self.session.store()


@contextlib.contextmanager
def opened(given: object, home: Home) -> Iterator[Ended]:
    """The session in the zip file `given`, or in the folder that a killed script has left.

    Raises UsageError for what is not a session, still runs, or has a newer format; StorageError and
    RecordError for what is damaged or hostile.
    """
    path = _found(given)
    try:
        make_folder(home.offline)
        _sweep(home.offline)
        work = Path(tempfile.mkdtemp(prefix=".import-", dir=home.offline))
    except OSError as error:
        raise StorageError(f"Nothing can be unpacked in {home.offline}: {error}.") from error
    try:
        folder = path
        if not path.is_dir():
            folder = work / "session"
            _check_zip(path)
            unpack(path, folder)
        try:
            ended = _read(path, folder, work)
        except (RecordError, NotFoundError) as error:
            why = str(error).replace(f"{folder}/", "")
            raise RecordError(f"The offline session {path} cannot be imported. {why}") from error
        yield ended
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Removes what an import, or a script that zipped, has left when it was killed."""
    for path in folder.glob(".*"):
        if time.time() - path.stat().st_mtime > _LEFT_S:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _found(given: object) -> Path:
    """The zip file where there is one: its folder may be left in part."""
    if not isinstance(given, (str, Path)):
        raise UsageError(f"An offline session is the path of its zip file, not {given!r:.80}.")
    path = named_path(given)
    folder = Path(str(path).removesuffix(".zip"))
    for one in (Path(f"{folder}.zip"), path, folder):
        if one.is_file() or (one.is_dir() and (one / "session.json").exists()):
            return one
    what = "holds no offline session" if path.exists() else "is not there"
    raise UsageError(
        f"No offline session can be imported from {path}: it {what}. Give the path that the script"
        " named at its end, or that Task.set_offline returned."
    )


def _check_zip(path: Path) -> None:
    """Refuses what `unpack` takes, since other archives may have it, but no session has."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        size, packed = sum(one.file_size for one in entries), path.stat().st_size
    except (OSError, zipfile.BadZipFile, ValueError, RuntimeError, EOFError) as error:
        raise StorageError(
            f"The offline session {path} cannot be read: {error}. Was it copied to the end?"
        ) from error
    ways = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if any(one.compress_type not in ways for one in entries):
        raise StorageError(f"The offline session {path} is refused: it is packed in another way.")
    if size > max(_SMALL_BYTES, _MOST_TIMES * packed):
        raise StorageError(
            f"The offline session {path} is refused: its {packed} bytes cannot hold the {size} that"
            " they declare."
        )


def _read(path: Path, folder: Path, work: Path) -> Ended:
    about = OfflineSession(folder, "").read_about()
    form, task_id = about.get("format"), str(about.get("task"))
    if not isinstance(form, int):
        raise RecordError("Its format is missing.")
    if form > FORMAT:
        raise UsageError(
            f"The offline session {path} has the format {form}, written by Elsewhere"
            f" {about.get('version')!s:.40}, and this one reads formats up to {FORMAT}: upgrade it."
        )
    if not _ID.fullmatch(task_id):
        raise RecordError(f"{task_id!r:.80} is not the id of a task.")
    session = OfflineSession(folder, task_id)
    if not session.run.spec.exists():
        raise RecordError(f"Its folder {session.run.path.name} is missing.")
    owner = read_runner(session.run)
    is_zipped = folder != path  # at the end of the script, whose process may go on
    if not is_zipped and owner is not None and owner.is_here and owner.is_alive():
        raise UsageError(f"The offline session {path} still runs: import it after its end.")
    store = session.store()
    record = store.read(task_id)
    try:
        name = names.checked_name("task", record.name)
        project = names.checked_name("project", record.project)
    except ElsewhereError as error:
        raise RecordError(str(error)) from error
    for digest in record.digests:
        store.get_blob(digest)
    models = store.find_models(ModelFilter(are_archived_too=True))
    return Ended(
        session=session,
        record=replace(record, id=task_id, name=name, project=project, continues_at=None),
        models=tuple(model for model in models if model.task != task_id),
        outcome=outcome_of(session.run),
        work=work,
    )
