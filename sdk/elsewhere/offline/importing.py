"""Importing an offline session: its journal is replayed into the store, as one attempt of a task.

An import that was cut off goes on where it stopped when it is called again: the attempt is known by
its worker, `offline:<session's task id>`, and how far it came by the offsets in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from elsewhere.artifacts import uploader
from elsewhere.core import names
from elsewhere.core.choices import Status
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import NotFoundError, StoreUnavailableError, TransitionError, UsageError
from elsewhere.core.events import (
    Edited,
    ModelReported,
    ModelSaved,
    ModelUsed,
    Parameters,
    Scalar,
    Scalars,
    Tags,
)
from elsewhere.core.folders import RunFolder
from elsewhere.core.frozen import dataclass
from elsewhere.core.kept import HistoryEvent
from elsewhere.core.notes import SessionSpec
from elsewhere.delivery.delivery import Delivery
from elsewhere.offline.ended import opened
from elsewhere.report.offset import checked_offset
from elsewhere.store.refusals import BUSY

if TYPE_CHECKING:
    from elsewhere.core.events import Event
    from elsewhere.core.settings import Settings
    from elsewhere.offline.ended import Ended
    from elsewhere.store.api import TaskStore

#: seconds that an import which was cut off has to be called again before its task counts as lost
_LEASE_S: Final = 24 * 3600.0
#: fields of a model that came from outside which the store sets
_OF_STORE: Final = ("id", "task", "updated_at")


def import_session(
    store: TaskStore,
    settings: Settings,
    session_folder_zip: object,
    previous_task_id: str | None = None,
    iteration_offset: int = 0,
) -> str:
    """Imports the session at the path `session_folder_zip`; returns the id of its task.

    That is its own, or `previous_task_id`: a task that it continues, with `iteration_offset` added
    to its iterations. Artifacts and models go to the task's output_uri, else to the place of the
    settings. The session is checked before anything is written; after an error in the middle the
    same call goes on. Raises UsageError for a session that is in the store already, NotFoundError
    for an unknown task, TransitionError for one that cannot go on; see `ended.opened` for others.
    """
    checked_offset("iteration_offset", iteration_offset)
    if previous_task_id is not None and not isinstance(previous_task_id, str):
        raise UsageError(f"previous_task_id must be a task's id, not {previous_task_id!r:.80}.")
    with opened(session_folder_zip, settings.home) as ended:
        task_id = previous_task_id or ended.record.id
        attempt = _goes_on(store, ended, task_id)
        if attempt is None and previous_task_id is None:
            attempt = _begin(store, ended)
        elif attempt is None:
            attempt = _begin_further(store, ended, task_id, iteration_offset)
        if previous_task_id is not None:
            store.edit(task_id, continues_at=None)  # the claim alone had to know it
        folder = _Target(ended.session.run.path, task_id, attempt, ended.work / "spec.json")
        SessionSpec(record=store.read(task_id), store=store.identity()).write(folder)
        same = _bring_models(store, ended)
        delivery = Delivery(
            store,
            folder,
            uploader(settings.output_uri or str(settings.home.storage)),
            keeps_files=True,
            translate=_translation(iteration_offset, same, is_further=previous_task_id is not None),
        )
        try:
            while delivery.pump(is_over=True):
                pass
            store.finish(task_id, attempt, ended.outcome)
        except StoreUnavailableError as error:
            raise StoreUnavailableError(
                f"The offline session is imported in part, as task {task_id}. {error} The same call"
                " again goes on."
            ) from error
        return task_id


@dataclass(frozen=True, slots=True)
class _Target(RunFolder):
    """The session's run folder, as if it were that of another attempt."""

    of_task: str
    number: int
    given_spec: Path

    @property
    def task_id(self) -> str:
        return self.of_task

    @property
    def attempt(self) -> int:
        return self.number

    @property
    def spec(self) -> Path:  # type: ignore[override]  # nobody sets it
        return self.given_spec


def _goes_on(store: TaskStore, ended: Ended, task_id: str) -> int | None:
    """The attempt of an import that was cut off; None where there is none."""
    worker = _worker(ended)
    numbers = [one.number for one in store.attempts(task_id) if one.worker == worker]
    if not numbers:
        return None
    if not store.renew(task_id, numbers[-1], worker=worker, lease_s=_LEASE_S).is_ours:
        raise UsageError(
            f"The offline session {ended.record.id} is in the store already, as an attempt of task"
            f" {task_id}: it is not imported twice."
        )
    return numbers[-1]


def _begin(store: TaskStore, ended: Ended) -> int:
    record = ended.record
    try:
        state = store.state(record.id)
    except NotFoundError:
        _bring_code(store, ended)
        store.create(record)
    else:
        is_cut_off = state.status is Status.CREATED and not state.attempt
        if not is_cut_off or store.read(record.id) != record:
            raise UsageError(
                f"Task {record.id} is in the store already, and is {state.status}: an offline"
                " session is imported once. Delete that task to import it again."
            )
    return _claim(store, ended, record.id, Status.CREATED)


def _begin_further(store: TaskStore, ended: Ended, task_id: str, offset: int) -> int:
    state = store.state(task_id)
    if state.status in (*BUSY, Status.PUBLISHED):
        raise TransitionError(
            f"Task {task_id} cannot go on with an offline session: it is {state.status}. Import the"
            " session as a task of its own, without previous_task_id."
        )
    _bring_code(store, ended)
    source, environment = ended.record.source, ended.record.environment
    code = {} if source.missing else {"source": source, "environment": environment}
    tags = Tags(added=ended.record.tags)
    store.edit(task_id, tags, allowed=(state.status,), continues_at=offset, **code)
    return _claim(store, ended, task_id, state.status)


def _claim(store: TaskStore, ended: Ended, task_id: str, status: Status) -> int:
    claim = store.claim(
        task_id,
        worker=_worker(ended),
        token=names.new_id(),
        lease_s=_LEASE_S,
        allowed=(status,),
    )
    if not claim.attempt:
        raise TransitionError(
            f"The offline session {ended.record.id} cannot be imported into task {task_id}: it is"
            f" {claim.status} now."
        )
    return claim.attempt


def _bring_code(store: TaskStore, ended: Ended) -> None:
    for digest in ended.record.digests:
        store.put_blob(digest, ended.store.get_blob(digest))


def _bring_models(store: TaskStore, ended: Ended) -> dict[str, str]:
    """Registers the session's models where the store lacks them; returns, by their ids, the ids of
    those whose weights the store knows as another model."""
    same = {}
    for model in ended.models:
        known = store.model_at(model.url, model.machine) if model.url else None
        if known is not None:
            same[model.id] = known
        elif not _has_model(store, model.id):
            plain = to_plain(model)
            store.save_model(
                model.id, {name: plain[name] for name in plain if name not in _OF_STORE}
            )
    return same


def _has_model(store: TaskStore, model_id: str) -> bool:
    try:
        store.model(model_id)
    except NotFoundError:
        return False
    return True


def _worker(ended: Ended) -> str:
    return f"offline:{ended.record.id}"


def _translation(
    offset: int, same: Mapping[str, str], *, is_further: bool
) -> Callable[[Event], Event]:
    """The change of a session's events: iterations are shifted by `offset`, models have the ids of
    the `same` ones in the store, and a session that continues a task (`is_further`) takes nothing
    away from it."""

    def translate(event: Event) -> Event:
        if isinstance(event, (Scalar, Scalars)):
            return Scalars(columns=tuple(column.shifted(offset) for column in event.points()))
        if isinstance(event, HistoryEvent):
            shifted: Event = replace(cast("Any", event), iteration=event.iteration + offset)
            return shifted
        if isinstance(event, ModelReported):
            parts: Any = {"scalars": event.scalars, "plot": event.plot}
            moved: Any = {name: one and translate(one) for name, one in parts.items()}
            return replace(event, **moved)
        if isinstance(event, ModelSaved) and isinstance(event.fields.get("iteration"), int):
            iteration = int(event.fields["iteration"]) + offset  # type: ignore[arg-type]
            return replace(event, fields={**event.fields, "iteration": iteration})
        if isinstance(event, ModelUsed) and event.use.model in same:
            return replace(event, use=replace(event.use, model=same[event.use.model]))
        if is_further and isinstance(event, Parameters):
            return replace(event, is_whole=False)
        return Edited(fields={}) if is_further and isinstance(event, Edited) else event

    return translate
