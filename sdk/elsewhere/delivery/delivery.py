"""Delivery: journals and output of one attempt, from its folder into the store, exactly once.

It has no state of its own: how far a file has come is kept in the store, in the same transaction as
what was taken from it. So whoever comes back goes on where the last one stopped, without a gap and
without a duplicate, and a lost reply is harmless.

What is stored of the output is what a terminal would have kept (`terminal.py`). The file keeps
every byte.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from elsewhere import storage
from elsewhere.artifacts.places import is_kept_for
from elsewhere.core.errors import (
    NotFoundError,
    RecordError,
    StorageError,
    StoreUnavailableError,
)
from elsewhere.core.events import ArtifactAdded, ArtifactsRemoved, ModelSaved
from elsewhere.core.folders import open_plain
from elsewhere.core.journal import journal_files, read_events
from elsewhere.core.kept import HistoryEvent
from elsewhere.core.uploads import FileEvent, Placed
from elsewhere.delivery.dropped import Dropped, lasting
from elsewhere.delivery.terminal import BLOCK_BYTES, collapse
from elsewhere.delivery.waiting import note_placed, staged, wait, where_placed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from elsewhere.artifacts.uploading import Uploader
    from elsewhere.core.events import Event
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import Artifact
    from elsewhere.core.uploads import Upload
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)

#: transactions per file before the others get their turn
_TURNS: Final = 8
#: how often an upload is tried before the rest goes on without it
_TRIES: Final = 5


class Delivery:
    """Carries one folder. Threads may not share it."""

    def __init__(
        self,
        store: TaskStore,
        folder: RunFolder,
        upload: Uploader,
        *,
        keeps_files: bool = False,
        translate: Callable[[Event], Event] = lambda event: event,
    ) -> None:
        """`keeps_files`: uploaded files stay where they were staged. `translate` gives the event
        that is stored in place of each."""
        self._store = store
        self._folder = folder
        self._upload = upload
        self._keeps_files = keeps_files
        self._translate = translate
        self._offsets: dict[str, int] = {}
        self._output_offset: int | None = None
        self._pending = ""
        self._is_output_lost = False
        self._tries: dict[Path, int] = {}
        self._given_up: dict[Path, Placed] = {}
        self._artifacts: dict[str, Artifact] | None = None
        self._dropped = Dropped(store, folder)
        #: there is more in a journal than was taken
        self._is_behind = False
        #: it delivers what another store, or this one before it was restored, has had
        self._is_again = False
        #: a file could not be uploaded: the folder has the only copy of its bytes
        self.has_kept_files = False

    def pump(self, *, is_over: bool = False) -> bool:
        """Carries what is there, a part of it when it is much. True when there was something.

        `is_over`: nobody writes any more, so the last line counts as whole. Raises FencedError, and
        StoreUnavailableError; after both, everything that was not taken is still in the folder. An
        upload whose place cannot be reached is tried a few times before it is given up.
        """
        moved = self._pump(is_over=is_over)
        if is_over and not moved:  # a store that was restored since has less than it had
            self.look_again()
            moved = self._pump(is_over=is_over)
        return moved

    def look_again(self) -> None:
        """Asks the store once more how far it is: it may have lost data, or taken an attempt back
        that it had lost."""
        self._offsets.clear()
        self._output_offset = None
        self._pending = ""
        self._artifacts = None

    def _pump(self, *, is_over: bool) -> bool:
        moved = self._is_behind = False
        for path in journal_files(self._folder.journal):
            moved |= self._pump_journal(path)
        if not self._is_behind:
            moved |= self._dropped.delete()
        return self._pump_output(is_over=is_over) or moved

    def _pump_journal(self, path: Path) -> bool:
        task_id, attempt, name = self._folder.task_id, self._folder.attempt, path.name
        moved = False
        for _ in range(_TURNS):
            offset = self._offsets.get(name)
            if offset is None:
                offset = self._store.journal_offset(task_id, attempt, name)
            self._offsets[name] = offset
            try:
                if path.stat().st_size <= offset:
                    break
                events, end = read_events(path, offset)
            except (FileNotFoundError, RecordError):  # removed or replaced since it was listed
                break
            if end == offset:
                break
            spare: dict[Path, Placed | None] = {}
            ready = [self._with_url(event, spare) for event in self._lasting(events, spare)]
            before, weights = self._artifacts_before(ready), self._weights_before(ready)
            self._offsets[name] = self._store.apply(task_id, attempt, name, offset, end, ready)
            self._dropped.look_at(ready)
            if self._offsets[name] == end:
                self._delete_unnamed(before, ready)
                self._delete_replaced(weights)
            else:  # somebody else delivers too
                self._artifacts = None
            self._forget(spare)
            moved = True
        else:
            self._is_behind = True
        return moved

    def _lasting(self, events: list[Event], spare: dict[Path, Placed | None]) -> list[Event]:
        """The events that stay in the store; `spare` takes the files of the others."""
        found = lasting(events)
        stay = set(map(id, found))
        gone = [one for one in events if isinstance(one, FileEvent) and id(one) not in stay]
        spare.update({upload.file: None for one in gone if (upload := one.upload())})
        return found

    def _with_url(self, event: Event, spare: dict[Path, Placed | None]) -> Event:
        """The event for the store; `spare` takes the name of a file that nobody needs after it."""
        given, event = event, self._translate(event)
        if not isinstance(event, FileEvent):
            return event
        if (upload := event.upload()) is None:
            return event.placed(None)
        where = self._place(given, upload)
        if where.url and not self._keeps_files:
            spare[upload.file] = where
        return event.placed(where)

    def _place(self, event: Event, upload: Upload) -> Placed:
        path = staged(self._folder, upload.file)
        if path is None and (earlier := where_placed(self._folder, upload.file)) is not None:
            self._is_again = True
            return earlier
        if path is None:
            problem = f"It was not uploaded: {str(upload.file)!r} is not a staged file."
            # A sample's is gone where it fell out of its history, as it will again.
            level = logging.DEBUG if isinstance(event, HistoryEvent) else logging.WARNING
            what = (upload.kind, upload.name, self._folder.path, problem)
            logger.log(level, "%s %r of %s: %s", *what)
            return Placed(problem=problem)
        if given_up := self._given_up.get(upload.file):  # another file of the block is tried again
            return given_up
        try:
            return self._upload(self._folder, replace(upload, file=path))
        except StorageError as error:
            self._tries[upload.file] = self._tries.get(upload.file, 0) + 1
            # Thousands of samples must not be tried, and named, one by one.
            is_one_more = bool(self._given_up) and isinstance(event, HistoryEvent)
            if self._tries[upload.file] < _TRIES and not is_one_more:
                message = f"The {upload.kind} {upload.name!r} is not uploaded yet. {error}"
                raise StoreUnavailableError(message) from error
            logger.warning("%s %r of %s: %s", upload.kind, upload.name, self._folder.path, error)
            self.has_kept_files = True
            problem = f"It could not be uploaded yet, and is kept in {path}. {error}"
            if not self._keeps_files:
                wait(self._folder, event, upload, str(error))
                if not is_one_more:
                    self._print(f"The {upload.kind} {upload.name!r}: {problem}")
            return self._given_up.setdefault(upload.file, Placed(problem=problem))

    def _print(self, sentence: str) -> None:
        """Adds a line of ours to the output, which its writers append to, too."""
        with suppress(OSError), self._folder.output.open("ab+") as file:
            file.seek(max(0, file.tell() - 1))
            is_at_start = file.read() in (b"", b"\n")
            file.write(b"" if is_at_start else b"\n")
            file.write(f"[elsewhere] {sentence}\n".encode(errors="backslashreplace"))

    def _forget(self, spare: dict[Path, Placed | None]) -> None:
        """Deletes staged files: a long run's artifacts would fill the disk twice. The place of each
        that has one is noted, for a store that loses it."""
        for name, where in spare.items():
            if path := staged(self._folder, name):
                with suppress(OSError):
                    if where is not None:
                        note_placed(self._folder, name, where)
                    path.unlink(missing_ok=True)

    def _artifacts_before(self, events: list[Event]) -> dict[str, Artifact]:
        """The task's artifacts, if `events` may replace or remove some; to be kept in step."""
        if any(isinstance(event, (ArtifactAdded, ArtifactsRemoved)) for event in events):
            if self._artifacts is None:
                found = self._store.artifacts(self._folder.task_id)
                self._artifacts = {name: _bare(artifact) for name, artifact in found.items()}
            return self._artifacts
        return {}

    def _delete_unnamed(self, artifacts: dict[str, Artifact], events: list[Event]) -> None:
        """Deletes bytes that no record names any more: of what was removed, or replaced by a file
        of another name. Links, and what lies elsewhere than a task's files do, stay."""
        gone: list[Artifact | None] = []
        for event in events:
            if isinstance(event, ArtifactAdded):
                earlier = artifacts.get(event.artifact.name)
                artifacts[event.artifact.name] = _bare(event.artifact)
                gone += [earlier] if event.artifact.url else []
            elif isinstance(event, ArtifactsRemoved):
                removed = [artifacts.pop(name, None) for name in event.names]
                gone += [] if event.keeps_bytes else removed
        if self._is_again:  # what was replaced may be what came later, the first time
            return
        named = {artifact.url for artifact in artifacts.values()} if gone else set()
        for artifact in gone:
            if artifact is None or not artifact.digest or artifact.url in named:
                continue
            if is_kept_for(self._folder.task_id, artifact.url):
                try:
                    storage.delete(artifact.url, artifact.machine)
                except StorageError as error:
                    logger.warning("An earlier artifact %r is left. %s", artifact.name, error)

    def _weights_before(self, events: list[Event]) -> list[Placed]:
        """Where weights of the task lie that `events` replace by a file of another name: no record
        names those any more."""
        places: dict[str, list[Placed]] = {}
        for event in events:
            if isinstance(event, ModelSaved) and event.fields.get("digest"):
                if event.model not in places:
                    places[event.model] = self._weights_of(event.model)
                url, machine = (str(event.fields.get(name, "")) for name in ("url", "machine"))
                places[event.model].append(Placed(url=url, machine=machine))
        task_id = self._folder.task_id
        return [
            old
            for found in places.values()
            for old in found
            if found[-1].url not in ("", old.url) and is_kept_for(task_id, old.url)
        ]

    def _weights_of(self, model_id: str) -> list[Placed]:
        try:
            model = self._store.model(model_id)
        except (NotFoundError, RecordError):
            return []
        return [Placed(url=model.url, machine=model.machine)] if model.digest else []

    def _delete_replaced(self, weights: list[Placed]) -> None:
        for old in [] if self._is_again else weights:
            try:
                storage.delete(old.url, old.machine)
            except StorageError as error:
                logger.warning("Earlier weights are left. %s", error)

    def _pump_output(self, *, is_over: bool) -> bool:
        task_id, attempt = self._folder.task_id, self._folder.attempt
        moved = False
        for _ in range(_TURNS):
            if self._output_offset is None:
                self._output_offset = self._store.output_offset(task_id, attempt)
            offset = self._output_offset
            if not (block := self._read_output(offset)):
                break
            taken, data, pending = collapse(block, is_over=is_over)
            if not taken and pending == self._pending:
                break
            self._output_offset = self._store.append_output(
                task_id, attempt, offset, offset + taken, data, pending
            )
            self._pending = pending
            moved = True
            if not taken:
                break
        return moved

    def _read_output(self, offset: int) -> bytes:
        try:
            with open_plain(self._folder.output) as file:
                file.seek(offset)
                return file.read(BLOCK_BYTES)
        except FileNotFoundError:
            return b""
        except RecordError as error:  # by the program, which may write into its folder
            if not self._is_output_lost:
                logger.warning("No more output is delivered. %s", error)
            self._is_output_lost = True
            return b""


def _bare(artifact: Artifact) -> Artifact:
    """The `artifact` without what takes memory: a task may have thousands."""
    return replace(artifact, preview="", metadata={})
