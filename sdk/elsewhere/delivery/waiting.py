"""Uploads that wait: files of a run folder that could not be brought to their place yet.

<run folder>/waiting/<n>.json    one for each file: its event, and why it waits
<run folder>/placed/<n>.json     one for each file that was uploaded and removed: its place

They stay until the file is in its place, or until nobody wants it any more. Whoever delivers on
this machine tries them again: an agent at its start, then every ten minutes; so does a script for
the sessions before it.
"""

from __future__ import annotations

import hashlib
import logging
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import (
    ElsewhereError,
    NotFoundError,
    RecordError,
    StorageError,
    StoreUnavailableError,
)
from elsewhere.core.events import (
    ArtifactAdded,
    ModelReported,
    ModelSaved,
    decode_event,
    encode_event,
)
from elsewhere.core.folders import read_record, write_beside
from elsewhere.core.frozen import dataclass
from elsewhere.core.kept import HistoryEvent
from elsewhere.core.uploads import FileEvent, Placed
from elsewhere.store.model_records import reports_of

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.artifacts.uploading import Uploader
    from elsewhere.core.events import Event
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.uploads import Upload
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)

#: seconds between two tries
RETRY_S: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An upload that waits: its `event` as a line of a journal, and `why`."""

    event: str
    kind: str
    name: str
    why: str

    @property
    def sentence(self) -> str:
        return f"The {self.kind} {self.name!r} waits to be uploaded. {self.why}"


def wait(folder: RunFolder, event: Event, upload: Upload, why: str) -> None:
    """Notes that the file of `upload` waits in `folder`, because of `why`. Called again for the
    same file, it replaces the note. Raises StoreUnavailableError if that cannot be written."""
    line = encode_event(event).decode()
    try:
        folder.waiting.mkdir(exist_ok=True, mode=0o700)
        note = Waiting(event=line, kind=upload.kind, name=upload.name, why=why)
        write_beside(folder.waiting / _note_of(upload.file), note)
    except OSError as error:
        raise StoreUnavailableError(
            f"The {upload.kind} {upload.name!r} is not uploaded, and that cannot be noted: {error}."
        ) from error


def waiting_in(folder: RunFolder) -> list[Waiting]:
    """The uploads that wait in `folder`; a damaged note is left out."""
    return [note for _, note in _notes(folder)]


def try_again(
    store: TaskStore, folder: RunFolder, upload: Uploader, *, older_than_s: float = RETRY_S
) -> list[Waiting]:
    """Uploads what waits in `folder`, whose attempt is over, and was last tried so long ago;
    returns what still waits. Raises StoreUnavailableError."""
    for path, note in _notes(folder):
        if time.time() - path.stat().st_mtime >= older_than_s:
            _try(store, folder, upload, path, note)
    return waiting_in(folder)


def staged(folder: RunFolder, name: Path) -> Path | None:
    """The staged file `name` of `folder`; None for any other: the program wrote the name."""
    try:
        # Not `files` resolved: the program could put a link in its place.
        files = folder.path.resolve() / folder.files.name
        path = (folder.path / name).resolve()
        return path if path.is_relative_to(files) and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # not a file's name; links in a circle
        return None


def note_placed(folder: RunFolder, name: Path, where: Placed) -> None:
    """Notes `where` the staged file `name` of `folder` lies, which is about to be removed. Raises
    OSError."""
    folder.placed.mkdir(exist_ok=True, mode=0o700)
    write_beside(folder.placed / _note_of(name), where)


def forget_placed(folder: RunFolder, name: Path) -> None:
    """Removes the note on the file `name` of `folder`, which is deleted in its place, too."""
    with suppress(OSError):
        (folder.placed / _note_of(name)).unlink()


def where_placed(folder: RunFolder, name: Path) -> Placed | None:
    """Where the file `name` of `folder` lies, if it was uploaded and removed."""
    try:
        return read_record(Placed, folder.placed / _note_of(name))
    except (RecordError, OSError) as error:  # the program may have written it
        logger.warning("%s: %s", folder.path.name, error)
        return None


def _note_of(name: Path) -> str:
    digest = hashlib.sha256(str(name).encode(errors="surrogatepass")).hexdigest()
    return f"{digest[:16]}.json"


def _notes(folder: RunFolder) -> list[tuple[Path, Waiting]]:
    found = []
    for path in sorted(folder.waiting.glob("*.json")):
        try:
            note = read_record(Waiting, path)
        except (RecordError, OSError) as error:
            logger.warning("A note is left out. %s", error)
        else:
            found += [] if note is None else [(path, note)]
    return found


def _try(store: TaskStore, folder: RunFolder, upload: Uploader, path: Path, note: Waiting) -> None:
    try:
        event = decode_event(note.event.encode())
        given = event.upload() if isinstance(event, FileEvent) else None
        file = staged(folder, given.file) if given is not None else None
        if given is None or file is None or not _is_wanted(store, folder.task_id, event):
            logger.info("%s: not wanted any more. %s", folder.path.name, note.sentence)
            path.unlink()
            return
        placed = upload(folder, replace(given, file=file))
        store.edit(folder.task_id, _placed(event, placed))
    except StoreUnavailableError:
        raise
    except StorageError as error:
        logger.warning("%s: %s", folder.path.name, note.sentence)
        write_beside(path, replace(note, why=str(error)))
    except NotFoundError:
        path.unlink()
    except ElsewhereError as error:
        logger.warning("%s: %s %s", folder.path.name, note.sentence, error)
        path.touch()
    else:
        logger.info("%s: the %s %r is uploaded", folder.path.name, note.kind, note.name)
        path.unlink()
        with suppress(OSError):
            note_placed(folder, given.file, placed)
            file.unlink(missing_ok=True)


def _is_wanted(store: TaskStore, task_id: str, event: Event) -> bool:
    """Whether the store still has what the file belongs to, and lacks its bytes."""
    if isinstance(event, ArtifactAdded):
        store.state(task_id)  # raises for a deleted task
        found = store.artifacts(task_id).get(event.artifact.name)
        return found is not None and not found.url and found.digest == event.artifact.digest
    if isinstance(event, ModelSaved):
        return not store.model(event.model).url
    if isinstance(event, ModelReported) and event.plot is not None:
        return _is_wanted(store, reports_of(event.model), event.plot)
    if isinstance(event, HistoryEvent):
        item = store.item(task_id, type(event), event.title, event.series, event.iteration)
        return item is not None and item.at == event.at and not item.bytes_at[0]
    return True


def _placed(event: Event, placed: Placed) -> Event:
    if isinstance(event, ModelSaved):  # the rest is in the store, and may have been changed since
        weights = {"url": placed.url, "machine": placed.machine}
        fields = {**weights, "preview": event.fields.get("preview", "")}
        return ModelSaved(model=event.model, fields=fields)
    assert isinstance(event, FileEvent)
    return event.placed(placed)
