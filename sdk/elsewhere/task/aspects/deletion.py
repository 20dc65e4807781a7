"""Deleting a task with what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import Status
from elsewhere.core.errors import DeleteError, NotFoundError, StorageError, UsageError
from elsewhere.core.late_logger import late_logger
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from elsewhere.core.records import Artifact
    from elsewhere.store.api import TaskStore

logger = late_logger(__name__)

#: files that are left, and each named
_NAMED: Final = 20


class _Made:  # a plain class, which is the quickest to make at the import of the SDK
    """Bytes that the task made, on the disk of `machine`; `model` is the id of a model."""

    def __init__(self, kind: str, url: str, machine: str, model: str = "") -> None:
        self.kind, self.url, self.machine, self.model = kind, url, machine, model


class DeletionAspect(Handle):
    """Deletes a task that is neither queued nor running."""

    DeleteError = DeleteError

    def delete(
        self,
        delete_artifacts_and_models: bool = True,
        skip_models_used_by_other_tasks: bool = True,
        raise_on_error: bool = False,
        callback: Callable[[str, str], bool] | None = None,
    ) -> bool:
        """Deletes the task, and the bytes of what it made with `delete_artifacts_and_models`.

        `callback(kind, url)` decides for each file whether it is deleted; kind is `artifact`,
        `model`, or that of an item with a history: `sample`. Kept are links, the bytes of models
        that were never uploaded, published models, and, with `skip_models_used_by_other_tasks`,
        those that other tasks began from.

        Returns True when nothing is left. What could not be deleted, such as a file on another
        machine's disk or a published task, is a warning and False. Raises DeleteError instead with
        `raise_on_error`, UsageError for a wrong `callback`, NotFoundError for a task that is gone,
        and TransitionError for one that is queued or running.
        """
        if callback is not None and not callable(callback):
            raise UsageError(
                f"callback is a function of a file's kind and URL, or None, not {callback!r:.80}."
            )
        self.access.settle()
        store = self.access.store
        if store.state(self.id).status is Status.PUBLISHED:
            return _failed([f"Task {self.id} is published: it is not deleted."], raise_on_error)
        made: list[_Made] = []
        if delete_artifacts_and_models:
            made += _artifacts(store.artifacts(self.id).values())
            made += _models(store, self.id, are_used_kept=skip_models_used_by_other_tasks)
            made += _items(store, self.id, self.id)
        # First of all: a task that is about to run again keeps its files.
        store.delete(self.id)
        left = [why for one in made if (why := _delete(store, one, callback))]
        if len(left) > _NAMED:  # a task may have thousands of samples
            left[_NAMED:] = [f"And {len(left) - _NAMED} more files are left."]
        return not left or _failed(left, raise_on_error)


def _artifacts(artifacts: Iterable[Artifact]) -> list[_Made]:
    """The bytes that were uploaded: a link has no digest."""
    return [
        _Made("artifact", artifact.url, artifact.machine)
        for artifact in artifacts
        if artifact.url and artifact.digest
    ]


def _items(store: TaskStore, task_id: str, holder: str) -> list[_Made]:
    """The bytes of samples and the like that the task or its model, the `holder`, has, also of
    those that fell out of their history."""
    from elsewhere.artifacts.places import is_kept_for, upload_at  # noqa: PLC0415 - weight

    found = {**store.dropped(holder), **store.held(holder)}
    return [
        _Made(at[1], url, machine)
        for url, machine in found.items()
        if is_kept_for(task_id, url) and (at := upload_at(url)) is not None
    ]


def _models(store: TaskStore, task_id: str, *, are_used_kept: bool) -> list[_Made]:
    """The task's own models that may be deleted; without a URL where the bytes stay."""
    from elsewhere.artifacts.places import is_kept_for  # noqa: PLC0415 - weight
    from elsewhere.store.model_records import reports_of  # noqa: PLC0415

    made = []
    for model_id in dict.fromkeys(use.model for use in store.task_models(task_id) if use.is_output):
        try:
            model = store.model(model_id)
        except NotFoundError:
            continue
        is_used = any(user != task_id for user in store.tasks_using(model_id))
        if model.task != task_id or model.is_published or (is_used and are_used_kept):
            continue
        # In any other place somebody has put it there, so the bytes stay.
        url = model.url if is_kept_for(task_id, model.url) else ""
        made += _items(store, task_id, reports_of(model_id))
        made.append(_Made("model", url, model.machine, model_id))
    return made


def _delete(store: TaskStore, made: _Made, callback: Callable[[str, str], bool] | None) -> str:
    """The reason why it could not be deleted; empty where it is gone or was to be kept."""
    from elsewhere.storage import delete  # noqa: PLC0415

    kind, url = made.kind, made.url
    if callback is not None and not callback(kind, url):
        return ""
    try:
        if url:
            delete(url, made.machine)
    except StorageError as error:
        return f"The {kind} at {url} is left. {error}"
    if made.model:
        store.delete_model(made.model)
    return ""


def _failed(sentences: list[str], is_raised: bool) -> bool:
    if is_raised:
        raise DeleteError(" ".join(sentences))
    for sentence in sentences:
        logger.warning("%s", sentence)
    return False
