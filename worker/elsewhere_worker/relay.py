"""The relay: other machines read the files of this machine's tasks, part by part through Redis.

A request comes from anybody who can write into Redis. It names a task's file, never a path, and
only such files are read: artifacts and models where Elsewhere keeps them, and what a run wrote.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from elsewhere.artifacts.places import is_upload
from elsewhere.core.codec import decode, encode
from elsewhere.core.errors import ElsewhereError, NotFoundError, RecordError, StoreUnavailableError
from elsewhere.core.events import history_kinds
from elsewhere.core.wording import duration
from elsewhere.storage import is_file_url, local_path
from elsewhere.store import relay
from elsewhere.store.model_records import model_of
from elsewhere.store.relay import PART_BYTES, Answer, Relay, Request, Wanted, part_of, version_of
from elsewhere_sandbox.written import open_written, written
from elsewhere_worker.owner import Owner

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from elsewhere.core.folders import RunFolder
    from elsewhere.core.kept import HistoryEvent
    from elsewhere.store.redis.store import RedisStore
    from elsewhere_worker.settings import WorkerSettings

logger = logging.getLogger(__name__)

#: requests that are taken, and parts that are held in memory, at once
_AT_ONCE: Final = 4
#: times that a part is read which changes meanwhile
_READS: Final = 3


class FileServer:
    """Answers requests for parts of files until `is_ending`, one after the other: each reader asks
    for a few parts at a time, so that many readers take turns."""

    def __init__(
        self, settings: WorkerSettings, store: RedisStore, is_ending: threading.Event
    ) -> None:
        self._settings = settings
        self._store = store
        self._wire = Relay(store.redis)
        self._is_ending = is_ending

    def relay(self) -> None:
        """The duty. Raises StoreUnavailableError."""
        while not self._is_ending.is_set():
            taken = self._wire.take(self._settings.name, _AT_ONCE)
            if parts := [part for data in taken if (part := self._answer(data))]:
                self._wire.give(parts)

    def _answer(self, data: bytes) -> tuple[Request, Answer, bytes] | None:
        try:
            request = Request.read(data)
        except RecordError as error:
            logger.warning("A request for a file is left out. %s", error)
            return None
        try:
            if request.wanted.kind == relay.LISTING:
                return self._listing(request)
            with self._opened(request.wanted) as descriptor:
                return _part(request, descriptor)
        except StoreUnavailableError:
            raise
        except ElsewhereError as error:
            problem = str(error)
        except (OSError, RuntimeError, ValueError) as error:  # links in a circle; no path at all
            problem = self._sentence(request.wanted, error)
        return request, Answer(problem=problem), b""

    @contextmanager
    def _opened(self, wanted: Wanted) -> Iterator[int]:
        if wanted.kind == relay.FILE:
            descriptor = open_written(self._run(wanted), wanted.name)
        else:
            descriptor = self._open_upload(wanted)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _open_upload(self, wanted: Wanted) -> int:
        """Opens an artifact or a model where its record says. What Redis says is a claim: the file
        must lie where only uploads of that task and name lie. Raises OSError, and RecordError."""
        what = f"The {wanted.kind} {wanted.name!r}"
        name = wanted.name
        if wanted.kind == relay.MODEL:
            model = self._store.model(wanted.name)
            url, task_id = model.url, model.task
        elif wanted.kind in relay.ITEMS:
            item = self._item(wanted)
            url, name, model_id = item.bytes_at[0], item.name, model_of(wanted.task)
            task_id = self._store.model(model_id).task if model_id else wanted.task
        else:
            artifact = self._store.artifact(wanted.task, wanted.name)
            if artifact is None:
                raise NotFoundError(f"Task {wanted.task} has no artifact {wanted.name!r}.")
            url, task_id = artifact.url, wanted.task
        if not url or not is_file_url(url):
            raise RecordError(f"{what} is not on the disk of a machine: its URL is {url!r}.")
        real = local_path(url).resolve(strict=True)
        # Nobody may have exchanged it for a link or a pipe since.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        found = os.fstat(descriptor)
        is_kept = is_upload(wanted.kind, name, task_id, real)
        is_own = found.st_uid == os.geteuid() or self._is_in_own_place(real)
        if is_kept and is_own and stat.S_ISREG(found.st_mode):
            return descriptor
        os.close(descriptor)
        raise RecordError(
            f"{what} is not sent: {socket.gethostname()} sends only plain files that Elsewhere has"
            " uploaded to a folder for this user's tasks. Read it there, or upload it."
        )

    def _item(self, wanted: Wanted) -> HistoryEvent:
        """The sample, or another item with a history. Raises RecordError, and NotFoundError."""
        kind, names = history_kinds()[wanted.kind], decode(list, wanted.name)
        if list(map(type, names)) != [str, str, int]:
            raise RecordError(f"{wanted.name!r:.200} is not the name of a {wanted.kind}.")
        item = self._store.item(wanted.task, kind, *names)
        if item is None:
            raise NotFoundError(
                f"Task {wanted.task} has no {wanted.kind} {wanted.name!r} any more."
            )
        return item

    def _is_in_own_place(self, real: Path) -> bool:
        """Whether it lies in a place of this agent: on a share files may have another owner."""
        home, uri = self._settings.home, self._settings.policy.output_uri
        places = [home.storage, *([local_path(uri)] if uri and is_file_url(uri) else [])]
        return any(real.is_relative_to(place.resolve()) for place in places)

    def _run(self, wanted: Wanted) -> RunFolder:
        """The run folder of an attempt of this store. Raises NotFoundError, which says why it is
        not there."""
        folder = self._settings.home.run_of(wanted.task, wanted.attempt)
        owner = Owner.of(folder) if folder.owner.exists() else None
        if owner is not None and owner.store == self._store.identity():
            return folder
        name, here = f"attempt {wanted.attempt} of task {wanted.task}", socket.gethostname()
        kept = f"It is kept for {duration(self._settings.keep_runs_s)} after the end of its run"
        attempts = {one.number: one for one in self._store.attempts(wanted.task)}
        found = attempts.get(wanted.attempt)
        ended_at = found.ended_at if found is not None else None
        ended = ""
        if ended_at:
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ended_at))
            ended = f", which ended at {at} by the clock of {here}"
        raise NotFoundError(
            f"The run folder of {name} is not on {here}. {kept}{ended}: agent.keep_runs_s sets how"
            " long. What shall stay is uploaded as an artifact."
        )

    def _listing(self, request: Request) -> tuple[Request, Answer, bytes]:
        folder = self._run(request.wanted)
        found = list(written(folder))
        rows: list[bytes] = []
        room = PART_BYTES
        for path, one in found[request.offset :]:
            row = encode((path, one.st_size, version_of(one))).encode(errors="backslashreplace")
            room -= len(row) + 1
            if rows and room < 0:  # the next page begins here
                break
            rows.append(row)
        data = b"[%s]" % b",".join(rows)
        return part_of(data, request, size_bytes=len(found), folder=str(folder.code))

    @staticmethod
    def _sentence(wanted: Wanted, error: Exception) -> str:
        what, here = f"The {wanted.kind} {wanted.name!r}", socket.gethostname()
        number = error.errno if isinstance(error, OSError) else None
        if number in (errno.ENOENT, errno.ENOTDIR):
            return f"{what} is gone: there is no such file on {here} any more."
        if number in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            return f"{what} is not sent: it is not a plain file on {here}."
        return f"{what} cannot be read on {here}: {error}."


def _part(request: Request, descriptor: int) -> tuple[Request, Answer, bytes]:
    """Reads a part together with the version of the file that it is of. Raises RecordError."""
    for _ in range(_READS):
        before = os.fstat(descriptor)
        if request.offset > before.st_size:
            raise RecordError(f"The file {request.wanted.name!r} has {before.st_size} bytes only.")
        data = os.pread(descriptor, PART_BYTES, request.offset)
        version = version_of(os.fstat(descriptor))
        if version == version_of(before):
            return part_of(data, request, size_bytes=before.st_size, version=version)
    raise RecordError(f"The file {request.wanted.name!r} is being written. Try again.")
