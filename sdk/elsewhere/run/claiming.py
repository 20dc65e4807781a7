"""The attempt that a script begins: claimed in the store, with a folder of this home."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from elsewhere.core import names
from elsewhere.core.choices import Status
from elsewhere.core.errors import AccessError, StorageError, TransitionError
from elsewhere.core.folders import RunFolder
from elsewhere.core.notes import SessionSpec, read_runner, write_runner
from elsewhere.core.process import ProcessIdentity
from elsewhere.delivery.sessions import only_one

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from elsewhere.core.records import TaskRecord
    from elsewhere.core.settings import Settings
    from elsewhere.offline import OfflineSession
    from elsewhere.run.previous import Previous
    from elsewhere.store.api import TaskStore


def take(
    settings: Settings,
    store: TaskStore,
    new: TaskRecord,
    previous: Previous | None,
    offline: OfflineSession | None,
) -> tuple[TaskRecord, RunFolder]:
    """Claims the task `new`, or the `previous` one; returns its record and its folder. `offline` is
    the session that takes the reports. Raises TransitionError, as `claim`, and StorageError."""
    if previous is None:
        folder = settings.home.session(new.id, 1) if offline is None else offline.run
        write = partial(store.create, new)
        return new, claim(settings, store, new, folder, (Status.CREATED,), write)
    record = previous.as_new(new)
    folder = settings.home.session(record.id, next_number(settings, record.id, previous.attempt))
    allowed = Status.CREATED if previous.continues_at is None else previous.status
    write = partial(previous.write, store, record)
    return record, claim(settings, store, record, folder, (allowed,), write)


def next_number(settings: Settings, task_id: str, attempt: int) -> int:
    """The number behind `attempt`, the last one that the store knows, and behind those of attempts
    that have left a folder here: a store that was restored may have lost them."""
    number, home = attempt + 1, settings.home
    while home.run(task_id, number).path.exists() or _is_left(home.session(task_id, number)):
        number += 1
    return number


def claim(
    settings: Settings,
    store: TaskStore,
    record: TaskRecord,
    folder: RunFolder,
    allowed: Collection[Status],
    write: Callable[[], None],
) -> RunFolder:
    """Makes the folder, calls `write` for the task, begins the attempt. Raises TransitionError
    when another script has begun one meanwhile, or the status is not in `allowed`, and StorageError
    where no folder can be made."""
    try:
        settings.home.ensure()
        folder.create()
        with only_one(folder) as is_ours:
            is_ours = is_ours and not _is_used(folder)
            if is_ours:
                spec = SessionSpec(record=record, store=store.identity(), worker=this_worker())
                spec.write(folder)
                write_runner(folder)
    except OSError as error:
        raise StorageError(
            f"The reports of this script cannot be kept in {settings.home.path}: {error}. Make room"
            " there, or set ELSEWHERE_HOME to another folder."
        ) from error
    if not is_ours:
        raise TransitionError(f"Task {record.id} cannot be started: another script is starting it.")
    try:
        write()
        begun = store.claim(
            record.id,
            worker=this_worker(),
            token=names.new_id(),
            lease_s=settings.lease_s,
            allowed=allowed,
            above=folder.attempt - 1,
        )
        if not begun.attempt:
            raise TransitionError(f"Task {record.id} cannot be started: it is {begun.status}.")
    except (AccessError, TransitionError):
        folder.remove()
        raise
    if begun.attempt == folder.attempt:
        return folder
    # The reset has counted the attempt on, to fence off an owner that may still write.
    right = settings.home.session(record.id, begun.attempt)
    return RunFolder(folder.path.rename(right.path))


def _is_used(folder: RunFolder) -> bool:
    """Whether another process, which may still run, has begun the same attempt."""
    owner = read_runner(folder)
    if owner is None or owner == ProcessIdentity.of():
        return False
    return owner.is_alive() or not owner.is_here


def _is_left(folder: RunFolder) -> bool:
    """Whether a process that is dead now has begun the same attempt."""
    owner = read_runner(folder)
    return owner is not None and owner.is_here and not owner.is_alive()


def this_worker() -> str:
    """Returns the name of this process among the workers of a store."""
    return f"{os.uname().nodename}:{os.getpid()}"
