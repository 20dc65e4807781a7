"""The store of a task that runs offline: a folder of this machine, without a server.

It is only a `TaskStore`: it has no queues, searches for no other task and watches no lease.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Status
from elsewhere.core.codec import compact, from_plain, to_plain
from elsewhere.core.errors import NotFoundError
from elsewhere.core.kept import CLAIM, RESET, RESTART
from elsewhere.core.records import Outcome, TaskRecord, TaskState
from elsewhere.store.api import Claim, Renewal
from elsewhere.store.folder.disk import StoredTask
from elsewhere.store.folder.listener import FolderListener
from elsewhere.store.folder.models import FolderModels
from elsewhere.store.folder.reports import FolderReports, state_texts
from elsewhere.store.redis.blobs import unpacked
from elsewhere.store.refusals import BUSY, fenced, refused, unknown
from elsewhere.store.states import read_state

if TYPE_CHECKING:
    from collections.abc import Collection

    from elsewhere.core.events import Event
    from elsewhere.store.api import Listener

#: parts of a record that come sorted by name
_NAMED: Final = ("parameters", "configurations", "properties")
#: fields of the state about an attempt that is over
_OF_AN_END: Final = ("stop_requested_at", "outcome", "ended_by", "ended_at")


class FolderStore(FolderReports, FolderModels):
    """An `api.TaskStore`. Threads and processes of one machine may share its folder."""

    def identity(self) -> str:
        with self._disk.locked():
            about = self._disk.about()
            if "identity" not in about:
                about["identity"] = os.urandom(16).hex()
                self._disk.write_about(about)
            return str(about["identity"])

    # records

    def create(self, record: TaskRecord, *events: Event) -> None:
        with self._held(record.id) as task:
            if task.status:  # called again, it does not undo what has happened since
                return
            at = self.now()
            tags = tuple(sorted(set(record.tags)))
            written = replace(record, tags=tags, created_at=record.created_at or at)
            task.record = compact(written)
            task.state = {"status": Status.CREATED, "attempt": 0}
            self._take(record.id, task, 0, events, {})
            self._keep(record.id, task)

    def read(self, task_id: str) -> TaskRecord:
        with self._held(task_id) as task:
            if not task.status:
                raise unknown(task_id)
            named = {part: dict(sorted(task.record.get(part, {}).items())) for part in _NAMED}
            return from_plain(TaskRecord, {**task.record, **named, "id": task_id})

    def state(self, task_id: str) -> TaskState:
        with self._held(task_id) as task:
            if not task.status:
                raise unknown(task_id)
            return read_state(task_id, state_texts(task), self.now())

    def edit(
        self, task_id: str, *events: Event, allowed: Collection[Status] = (), **changes: object
    ) -> None:
        with self._held(task_id) as task:
            self._check(task_id, task, "changed", allowed)
            self._take(task_id, task, 0, events, changes)
            self._keep(task_id, task)

    def delete(self, task_id: str) -> None:
        with self._held(task_id) as task:
            self._check(task_id, task, "deleted", set(Status) - BUSY)
            self._disk.remove_task(task_id)

    # status

    def move(
        self, task_id: str, target: Status, *, allowed: Collection[Status], message: str = ""
    ) -> Status:
        with self._held(task_id) as task:
            old = self._check(task_id, task, f"set to {target}", allowed)
            new = _published(task, target)
            is_begun = new is Status.IN_PROGRESS and old is not new
            if old is not new:
                self._publish_model(task_id, task, new)
                _set_status(task, new)
                task.state["updated_at"] = self.now()
            task.state["message"] = message
            if new is Status.CREATED or is_begun:
                _forget(task, _OF_AN_END)
                task.clear(RESTART)
            if is_begun:
                # Whoever ran it before does not get it back, and nobody has a lease of it.
                _forget(task, ("worker", "token", "lease_until"))
                task.state["started_at"] = self.now()
            elif new is not Status.CREATED and new not in BUSY:
                task.state["ended_by"] = "caller"
                if old is Status.CREATED or old in BUSY:
                    task.state["ended_at"] = self.now()
            self._disk.write_task(task_id, task)
            return old

    def reset(self, task_id: str, *, allowed: Collection[Status]) -> Status:
        with self._held(task_id) as task:
            old, number = self._check(task_id, task, "reset", allowed), task.attempt
            newest = task.attempts.get(str(number))
            if newest and newest.get("ended_at") is None:
                number += 1  # whoever runs it may still report something
            # Offsets stay: what an attempt has reported is not taken in again.
            output = {one: {"from": its["from"], "length": 0} for one, its in task.output.items()}
            task.clear(RESET)
            uses = task.part("models").items()
            begun_from = {use: at for use, at in uses if use.startswith("input/")}
            again = StoredTask(
                record={**task.record, "continues_at": None},
                state={"status": Status.CREATED, "attempt": number},
                journal=task.journal,
                output=output,
                parts={**task.parts, "models": begun_from, "attempts": {}},
            )
            self._keep(task_id, again)
            self._disk.remove_files(task_id, "points.*", "kept.*", "output.*")
            return old

    def claim(
        self,
        task_id: str,
        *,
        worker: str,
        token: str,
        lease_s: float,
        allowed: Collection[Status],
        above: int = 0,
    ) -> Claim:
        with self._held(task_id) as task:
            if task.status == Status.IN_PROGRESS and task.state.get("token") == token:
                return Claim(attempt=task.attempt)
            if not task.status or (allowed and task.status not in allowed):
                return Claim(attempt=0, status=task.status)
            at, number = self.now(), max(task.attempt, above) + 1
            is_anew = task.record.get("continues_at") is None
            if is_anew:
                task.clear(CLAIM)
            task.clear(RESTART)
            _set_status(task, Status.IN_PROGRESS)
            _forget(task, (*_OF_AN_END, "message"))
            task.state |= {"attempt": number, "worker": worker, "token": token}
            task.state |= {"started_at": at, "lease_until": at + lease_s}
            task.attempts[str(number)] = {"number": number, "worker": worker, "started_at": at}
            self._keep(task_id, task)
            if is_anew:
                self._disk.remove_files(task_id, "points.*", "kept.*")
            return Claim(attempt=number)

    def take_back(
        self, task_id: str, attempt: int, *, worker: str, token: str, lease_s: float
    ) -> Claim:
        """Refuses: nobody restores a folder."""
        with self._held(task_id) as task:
            return Claim(attempt=0, status=task.status or "deleted")

    def renew(self, task_id: str, attempt: int, *, worker: str, lease_s: float) -> Renewal:
        with self._held(task_id) as task:
            is_ours = task.attempt == attempt and task.state.get("worker") == worker
            if not is_ours or not task.status:
                return Renewal(is_ours=False, status=task.status)
            if task.status != Status.IN_PROGRESS:
                return Renewal(is_ours=False, status=task.status)
            task.state["lease_until"] = self.now() + lease_s
            self._disk.write_task(task_id, task)
            return Renewal(
                is_ours=True,
                is_stop_requested="stop_requested_at" in task.state,
                stop_grace_s=task.state.get("stop_grace_s"),
            )

    def finish(self, task_id: str, attempt: int, outcome: Outcome) -> Status:
        with self._held(task_id) as task:
            if task.attempt != attempt or not task.status:
                raise fenced(task_id, attempt, task.status)
            at = self.now()
            if task.status != Status.IN_PROGRESS:
                written = task.attempts.get(str(attempt))
                if written and written.get("ended_at") is None:
                    _end_attempt(task, outcome, at)
                    self._disk.write_task(task_id, task)
                return Status(task.status)
            new, message = outcome.status, outcome.message
            if verdict := task.state.get("verdict"):
                new, message = Status(verdict), task.state.get("verdict_message", "")
            if new is Status.COMPLETED:
                task.state["progress"] = 100.0
                new = _published(task, new)
            self._publish_model(task_id, task, new)
            _set_status(task, new)
            _end_attempt(task, outcome, at)
            task.state |= {"outcome": to_plain(outcome), "ended_at": at, "message": message}
            task.state |= {"ended_by": "owner", "lease_until": 0.0}
            self._keep(task_id, task)
            return new

    def request_stop(
        self, task_id: str, *, grace_s: float | None = None, message: str = ""
    ) -> Status:
        with self._held(task_id) as task:
            old = self._check(task_id, task, "stopped", ())
            has_owner = old is Status.IN_PROGRESS and "lease_until" in task.state
            if old in BUSY and not has_owner:
                _set_status(task, Status.STOPPED)
                task.state |= {"ended_at": self.now(), "ended_by": "caller", "message": message}
                self._keep(task_id, task)
            elif has_owner:
                if "stop_requested_at" not in task.state:
                    task.state |= {"stop_requested_at": self.now(), "message": message}
                    task.state["stop_grace_s"] = grace_s
                elif grace_s is not None:
                    task.state["stop_grace_s"] = grace_s
                self._disk.write_task(task_id, task)
            return old

    # blobs

    def has_blob(self, digest: str) -> bool:
        with self._disk.locked():
            return self._disk.blob(digest).is_file()

    def put_blob(self, digest: str, data: bytes) -> None:
        with self._disk.locked():
            if not (file := self._disk.blob(digest)).is_file():
                self._disk.write_whole(file, zlib.compress(data, 6))

    def blob_url(self, digest: str) -> str | None:
        return None

    def get_blob(self, digest: str) -> bytes:
        with self._disk.locked():
            try:
                packed = self._disk.blob(digest).read_bytes()
            except FileNotFoundError as error:
                raise NotFoundError(
                    f"The code with the digest {digest} is not in the offline session: it was not"
                    " captured to the end. Run the script once more."
                ) from error
        return unpacked(digest, [packed])

    # waking up

    def listen_to(self, task_id: str) -> Listener:
        return FolderListener(self._disk.file_of(task_id))

    def close(self) -> None:
        """Does nothing: no resource is held."""

    # helpers

    def _check(
        self, task_id: str, task: StoredTask, wanted: str, allowed: Collection[Status]
    ) -> Status:
        """Returns the task's status. Raises TransitionError, NotFoundError."""
        if not task.status or (allowed and task.status not in allowed):
            raise refused(task_id, task.status, wanted, allowed)
        return Status(task.status)


def _set_status(task: StoredTask, new: Status) -> None:
    task.state |= {"previous_status": task.status, "status": new}


def _published(task: StoredTask, new: Status) -> Status:
    wants_it = new is Status.COMPLETED and task.state.get("publishes")
    return Status.PUBLISHED if wants_it else new


def _forget(task: StoredTask, names: Collection[str]) -> None:
    task.state = {name: value for name, value in task.state.items() if name not in names}


def _end_attempt(task: StoredTask, outcome: Outcome, at: float) -> None:
    if written := task.attempts.get(str(task.attempt)):
        written |= {"ended_at": at, "outcome": to_plain(outcome)}
