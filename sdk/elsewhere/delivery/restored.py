"""Attempts that their store has lost, since it was restored with older data, or has failed over to
a copy that lagged behind.

What runs goes on: its attempt is begun anew, with a number that nobody has had, and all that lies
in its folder is delivered again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from elsewhere.core.errors import RecordError, StoreUnavailableError
from elsewhere.core.notes import SessionSpec

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import TaskRecord
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)


def take_back(store: TaskStore, folder: RunFolder, *, worker: str, lease_s: float) -> bool:
    """Begins the attempt of `folder` anew, for its `worker` and with a lease of `lease_s` seconds,
    where the `store` has lost it. False where nothing was lost: the attempt may not go on.

    A task that was lost as well is made again, as it was when the attempt began. May be called
    again after an error. Raises StoreUnavailableError.
    """
    task_id, attempt, name = folder.task_id, folder.attempt, folder.path.name
    # The same one after a lost answer, and in the next process; not that of another worker, which
    # may have been given the same number.
    token = f"{worker} {name} {attempt}"
    for is_last in (False, True):
        claim = store.take_back(task_id, attempt, worker=worker, token=token, lease_s=lease_s)
        if claim.attempt:
            try:
                folder.renumber(claim.attempt)
            except OSError as error:
                message = f"The new number of {folder.path} cannot be noted: {error}."
                raise StoreUnavailableError(message) from error
            logger.warning(
                "%s: the store has lost it, and takes it back as attempt %d", name, claim.attempt
            )
            return True
        if claim.status or is_last or not _is_made_again(store, folder):
            return False
    return False


def _is_made_again(store: TaskStore, folder: RunFolder) -> bool:
    """Whether the task of `folder` could be made again, with its code as far as that is here."""
    try:
        spec = SessionSpec.read(folder)
    except RecordError as error:
        logger.warning("%s: its task cannot be made again. %s", folder.path.name, error)
        return False
    if spec is None:
        return False
    record: TaskRecord = spec.record
    for digest in record.digests:
        if (file := folder.inputs / digest).is_file():
            store.put_blob(digest, file.read_bytes())
    store.create(record)
    logger.warning("%s: the store has lost its task, which is made again", folder.path.name)
    return True
