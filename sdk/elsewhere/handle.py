"""A handle on a task, whoever runs it: what it is, where it stands, what it said."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

from elsewhere.choices import Reason, Status
from elsewhere.clock import monotonic_s
from elsewhere.errors import TransitionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from elsewhere.artifacts import ArtifactHandle
    from elsewhere.records import Parameter, TaskRecord, TaskState
    from elsewhere.run import Run
    from elsewhere.store.redis import RedisStore

__all__ = ["Handle"]


class Handle:
    """Reads and edits through the store, and through the run where this process is the task.

    Imports inside methods are for weight: the first import of the SDK stays light.
    """

    def __init__(self, task_id: str, store: RedisStore | None, run: Run | None = None) -> None:
        """Use `Task.init`, `Task.create` or `Task.get_task`."""
        self._id = task_id
        self._given_store = store
        self._run = run

    # what it is

    @property
    def id(self) -> str:
        return self._id

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def project(self) -> str:
        return self._record.project

    def get_tags(self) -> list[str]:
        return list(self._record.tags)

    def add_tags(self, tags: str | Iterable[str]) -> None:
        """One tag, several in a text separated by spaces, or a list."""
        added = tuple(tags.split() if isinstance(tags, str) else tags)
        if self._run is not None:
            self._run.add_tags(added)
        else:
            self._store.edit(self.id, add_tags=added)

    # where it stands

    def get_status(self) -> str:
        return str(self._state.status)

    status = property(get_status)

    def reload(self) -> Handle:
        """A handle keeps nothing, so it is always fresh. Raises NotFoundError when it is gone."""
        self._settle()
        self._store.state(self.id)
        return self

    def wait_for_status(
        self,
        status: Iterable[str] = ("completed", "stopped", "closed"),
        raise_on_status: Iterable[str] = ("failed",),
        within_s: float | None = None,
    ) -> str:
        """Waits, woken by the change itself. Raises TransitionError for a status of the second kind
        and when the task gets to another final one, TimeoutError after `within_s`."""
        wanted, bad = set(map(str, status)), set(map(str, raise_on_status))
        until = None if within_s is None else monotonic_s() + within_s
        listener = self._store.listen_to(self.id)
        try:
            while True:
                now = self._state
                if str(now.status) in wanted:
                    return str(now.status)
                if str(now.status) in bad or now.status.is_final:
                    why = f" ({now.outcome.sentence})" if now.outcome else ""
                    raise TransitionError(
                        f"Task {self.id} is {now.status}{why}. {now.message}".strip()
                    )
                left = 2.0 if until is None else min(2.0, until - monotonic_s())
                if left <= 0:
                    raise TimeoutError(f"Task {self.id} is still {now.status} after {within_s} s.")
                listener.wait(left)
        finally:
            listener.close()

    def mark_started(self, force: bool = False) -> None:
        """To in_progress, by hand: for a task that something else than an agent runs."""
        self._move(Status.IN_PROGRESS, force=force)

    def mark_stopped(self, force: bool = False, status_message: str | None = None) -> None:
        self._end(Status.STOPPED, Reason.STOPPED, status_message, force=force)

    def mark_completed(self, force: bool = False, status_message: str | None = None) -> None:
        self._end(Status.COMPLETED, Reason.COMPLETED, status_message, force=force)

    def mark_failed(
        self,
        force: bool = False,
        status_reason: str | None = None,
        status_message: str | None = None,
    ) -> None:
        message = status_message or status_reason
        self._end(Status.FAILED, Reason.PROGRAM_FAILED, message, force=force)

    # parameters

    def set_parameters(self, *args: Mapping[str, Any], **kwargs: Any) -> None:
        """Replaces all parameters by these: `Section/name` to value; General without a section."""
        from elsewhere import params  # noqa: PLC0415

        merged: dict[str, Any] = {}
        for given in (*args, kwargs):
            merged.update(given)
        values = {
            params.full_name(key): params.to_parameter(value) for key, value in merged.items()
        }
        self._set_parameters(values, is_whole=True)

    def set_parameter(self, name: str, value: Any, description: str | None = None) -> None:
        """Sets one; the others stay. Text for a parameter of another type is read as that type."""
        from elsewhere import params  # noqa: PLC0415

        full_name = params.full_name(name)
        before = self._parameters.get(full_name)
        type_name = before.type if before is not None and isinstance(value, str) else ""
        if description is None:
            description = before.description if before is not None else ""
        parameter = params.to_parameter(value, description, type_name)
        self._set_parameters({full_name: parameter}, is_whole=False)

    def get_parameters(self) -> dict[str, Any]:
        """`Section/name` to value, with the types that they were set with."""
        from elsewhere import params  # noqa: PLC0415

        return {name: params.to_value(item) for name, item in sorted(self._parameters.items())}

    def get_parameter(self, name: str, default: Any = None) -> Any:
        from elsewhere import params  # noqa: PLC0415

        found = self._parameters.get(params.full_name(name))
        return default if found is None else params.to_value(found)

    # what it says

    def get_progress(self) -> float | None:
        """The last progress, 0 to 100; None when the task has not begun."""
        return self._state.progress if self._run is None else self._run.progress

    @property
    def artifacts(self) -> dict[str, ArtifactHandle]:
        """By name. The bytes are fetched when they are asked for."""
        from elsewhere.artifacts import ArtifactHandle  # noqa: PLC0415
        from elsewhere.settings import load  # noqa: PLC0415

        self._settle()
        cache = load().home.cache
        found = self._store.artifacts(self.id)
        return {name: ArtifactHandle(artifact, cache) for name, artifact in found.items()}

    def get_reported_scalars(self) -> dict[str, dict[str, dict[str, Any]]]:
        """{title: {series: {"name": series, "x": iterations, "y": values}}}, in reported order."""
        self._settle()
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for item in self._store.series(self.id):
            points = self._store.points(self.id, item.title, item.series)
            found.setdefault(item.title, {})[item.series] = {
                "name": item.series,
                "x": [iteration for iteration, _, _ in points],
                "y": [value for _, _, value in points],
            }
        return found

    def get_reported_console_output(self, number_of_reports: int = 1) -> list[str]:
        """The last pieces of the newest attempt's output, at most 64 KiB each, oldest first."""
        self._settle()
        size, attempt = 64 * 1024, self._state.attempt
        length = self._store.output_length(self.id, attempt)
        start = max(0, length - size * max(1, number_of_reports))
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        pieces = []
        while start < length:
            piece = self._store.output(self.id, attempt=attempt, start=start, limit_bytes=size)
            if piece.next == start:  # deleted meanwhile
                break
            pieces.append(decoder.decode(piece.data))
            start = piece.next
        return pieces

    # helpers

    @property
    def _store(self) -> RedisStore:
        if self._given_store is not None:
            return self._given_store
        assert self._run is not None
        return self._run.store

    @property
    def _record(self) -> TaskRecord:
        if self._run is not None and self._run.is_remote:
            return self._run.task_record
        self._settle()
        return self._store.read(self.id)

    @property
    def _state(self) -> TaskState:
        self._settle()
        return self._store.state(self.id)

    @property
    def _parameters(self) -> Mapping[str, Parameter]:
        return self._run.parameters if self._run is not None else self._record.parameters

    def _settle(self) -> None:
        """What this process said about the task is in the store before it is read there."""
        if self._run is not None and not self._run.is_over:
            self._run.flush(wait=True)

    def _set_parameters(self, values: dict[str, Parameter], *, is_whole: bool) -> None:
        if self._run is not None:
            self._run.set_parameters(values, is_whole=is_whole)
        else:
            from elsewhere.store.states import EDITABLE  # noqa: PLC0415

            self._store.edit(
                self.id, allowed=EDITABLE, parameters=values, are_all_parameters=is_whole
            )

    def _end(self, status: Status, reason: Reason, message: str | None, *, force: bool) -> None:
        if self._run is None or self._run.is_over:
            self._move(status, force=force, message=message or "")
        else:
            self._run.mark(status, reason, message or "")

    def _move(self, status: Status, *, force: bool, message: str = "") -> None:
        from elsewhere.store.states import sources  # noqa: PLC0415

        allowed = set(Status) if force else sources(status) | {status}
        self._store.move(self.id, status, allowed=allowed, message=message)
