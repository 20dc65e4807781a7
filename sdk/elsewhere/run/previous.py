"""The previous task of this script: overwritten, continued, or left alone.

A task is overwritten (reset, then run as if it were new) when all of this holds: this machine ran
it within the last 72 hours under the same project, name and type; it was never enqueued; it has no
artifacts (but its notebook) and made no models; it is over, and neither published nor archived.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import ARCHIVED, ScalarKind, Status
from elsewhere.core.clock import now_at
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import NotFoundError, RecordError, TransitionError, UsageError
from elsewhere.core.events import Configurations, Parameters, Properties, Tags
from elsewhere.core.folders import make_folder, read_json, write_beside
from elsewhere.core.frozen import dataclass
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import TaskRecord
from elsewhere.report.offset import checked_offset
from elsewhere.run.interactive import OF_NOTEBOOK

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.core.folders import Home
    from elsewhere.core.records import TaskState
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)

#: a task of these may be overwritten
_OVERWRITTEN: Final = (Status.CREATED, Status.COMPLETED, Status.FAILED, Status.STOPPED)
#: and of these it may be continued
_CONTINUED: Final = (*_OVERWRITTEN, Status.CLOSED)
#: fields of a record that a new run overwrites
_REWRITTEN: Final = tuple(
    item.name
    for item in fields(TaskRecord)
    if item.name not in ("id", "tags", "parameters", "configurations", "properties")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The task to overwrite or to continue.

    `record` is the task's own; `continues_at` is None where it is reset; `notice` is printed.
    """

    record: TaskRecord
    status: Status
    attempt: int
    notice: str
    continues_at: int | None = None

    def as_new(self, new: TaskRecord) -> TaskRecord:
        """The record that the task has from now on; `new` is what a new task would have."""
        has = self.record
        tags = tuple(sorted({*has.tags, *new.tags}))
        if self.continues_at is None:
            return replace(new, id=has.id, tags=tags)
        return replace(has, source=new.source, tags=tags, continues_at=self.continues_at)

    def write(self, store: TaskStore, record: TaskRecord) -> None:
        """Writes what `as_new` gave. Raises TransitionError when somebody else was faster."""
        tags = Tags(added=record.tags)
        if self.continues_at is not None:
            changes = {"source": record.source, "continues_at": record.continues_at}
            store.edit(record.id, tags, allowed=(self.status,), **changes)
            return
        store.reset(record.id, allowed=(self.status,))
        store.edit(
            record.id,
            Parameters(is_whole=True),
            Configurations(removed=tuple(self.record.configurations)),
            Properties(removed=tuple(self.record.properties)),
            tags,
            allowed=(Status.CREATED,),
            **{name: getattr(record, name) for name in _REWRITTEN},
        )


class Last:
    """The file with the last task of this machine, by the project, name and type of `record`."""

    def __init__(self, home: Home, store: TaskStore, record: TaskRecord) -> None:
        key = f"{store.identity()}\n{record.project}\n{record.name}\n{record.type}"
        self._path: Path = home.last / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def read(self, within_s: float) -> str | None:
        """The id, if it ran in the last `within_s` seconds, and not as a task of this process."""
        try:
            written = read_json(self._path)
        except RecordError as error:
            logger.debug("%s", error)
            return None
        if not isinstance(written, dict) or now_at() - float(written.get("at", 0)) > within_s:
            return None
        is_ours = written.get("process") == to_plain(ProcessIdentity.of())
        return None if is_ours else str(written["task"])

    def write(self, task_id: str, within_s: float) -> None:
        """Writes the id, and removes files older than `within_s`. A full disk is ignored."""
        try:
            make_folder(self._path.parent)
            for path in self._path.parent.iterdir():
                if time.time() - path.stat().st_mtime > within_s:
                    path.unlink(missing_ok=True)
            process = to_plain(ProcessIdentity.of())
            write_beside(self._path, {"task": task_id, "at": now_at(), "process": process})
        except OSError as error:
            logger.debug("%s", error)


def choose(
    store: TaskStore,
    record: TaskRecord,
    last: str | None,
    *,
    reuse: bool | str,
    continues: bool | str | int,
) -> Previous | None:
    """The task to overwrite or continue, None for a new one, which would be `record`.

    `last` is the id of the script's last task. Raises UsageError, NotFoundError for an unknown id,
    and TransitionError for a task that cannot be continued.
    """
    for what, given in (("reuse_last_task_id", reuse), ("continue_last_task", continues)):
        if not isinstance(given, (bool, str)) and (what[0] == "r" or not isinstance(given, int)):
            number = "" if what[0] == "r" else ", or the iteration to go on from"
            raise UsageError(
                f"{what} cannot be {given!r:.80}: it takes True, False or a task's id{number}."
            )
    if not isinstance(continues, (bool, str)):
        checked_offset("continue_last_task", continues)
    named = continues if isinstance(continues, str) else reuse if isinstance(reuse, str) else None
    task_id = named or last
    if task_id is None or (continues is False and reuse is False):
        return None
    if continues is not False:
        return _continued(store, task_id, continues)
    try:
        return _overwritten(store, record, task_id, is_named=named is not None)
    except NotFoundError:
        if named is not None:
            raise
        return None  # it was deleted


def _continued(store: TaskStore, task_id: str, continues: bool | str | int) -> Previous:
    state = store.state(task_id)
    if state.status not in _CONTINUED:
        advice = "Wait for its end." if state.status is Status.IN_PROGRESS else "Clone it."
        raise TransitionError(f"Task {task_id} cannot be continued: it is {state.status}. {advice}")
    is_given = isinstance(continues, int) and not isinstance(continues, bool)
    steps = (one for one in store.series(task_id) if one.kind is ScalarKind.SCALAR)
    highest = max((one.iteration for one in steps), default=-1)
    at = int(continues) if is_given else max(highest, -1) + 1
    notice = f"it is continued, from iteration {at} on: such a run may not be reproducible"
    return Previous(
        record=store.read(task_id),
        status=state.status,
        attempt=state.attempt,
        notice=notice,
        continues_at=at,
    )


def _overwritten(
    store: TaskStore, record: TaskRecord, task_id: str, *, is_named: bool
) -> Previous | None:
    state, has = store.state(task_id), store.read(task_id)
    is_archived = ARCHIVED in store.kept(task_id, Tags)["system_tags"]
    fits = (has.project, has.name, has.type) == (record.project, record.name, record.type)
    why = _why_not(state, is_archived, is_the_same=fits or is_named)
    if not why and any(one.metadata != OF_NOTEBOOK for one in store.artifacts(task_id).values()):
        why = "it has artifacts"
    if not why and any(use.is_output for use in store.task_models(task_id)):
        why = "it made models"
    if why:
        if is_named:
            logger.warning("Task %s is not reused, since %s: this is a new one.", task_id, why)
        return None
    minutes = (now_at() - state.updated_at) / 60
    ago = f"{minutes / 60:.0f} h ago" if minutes >= 60 else f"{minutes:.0f} min ago"
    notice = (
        f"it was last run {ago if minutes >= 1 else 'just now'} and is overwritten, since nothing"
        " but reports came of it (reuse_last_task_id=False keeps it)"
    )
    return Previous(record=has, status=state.status, attempt=state.attempt, notice=notice)


def _why_not(state: TaskState, is_archived: bool, *, is_the_same: bool) -> str:
    if not is_the_same:
        return "it has another name by now"
    if state.status not in _OVERWRITTEN:
        return f"it is {state.status}"
    if state.queue or state.queued_at:
        return "it was enqueued"
    return "it is archived" if is_archived else ""
