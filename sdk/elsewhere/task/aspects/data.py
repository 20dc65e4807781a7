"""A task as plain data: exported, imported, and changed by such data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self


class DataAspect(Handle):
    """Exports, imports and changes a task as data of `task.exporting`."""

    def export_task(self) -> dict[str, Any]:
        """All that is needed to make the task again, as plain data that JSON can hold. Its code is
        named by digests: it lies in the store while a task names it. The task's reports and results
        are not in it."""
        from elsewhere.task import exporting  # noqa: PLC0415

        return exporting.to_data(self.access.captured_record)

    def update_task(self, task_data: Mapping[str, Any]) -> bool:
        """Changes the task in the fields that `task_data` has, nested ones too, under the names of
        `export_task`; returns True. Raises UsageError for what is not a task's data, and
        TransitionError where the status does not allow it: names, comment, tags and properties may
        always change."""
        self._change(task_data, is_merged=True)
        return True

    @classmethod
    def import_task(
        cls,
        task_data: Mapping[str, Any],
        target_task: Self | str | None = None,
        update: bool = False,
    ) -> Self | None:
        """Makes a draft of `task_data`, which `export_task` gave, or makes `target_task`, a task or
        its id, the same; returns the handle. `update` changes the target only in the fields that
        the data has, nested ones too. Runs of the target are not affected. The code must be in this
        store, by its digests, when the task is enqueued. Raises UsageError for what is not a task's
        data, NotFoundError for an unknown target, and TransitionError when the target's status does
        not allow it."""
        from elsewhere.task import exporting  # noqa: PLC0415

        if target_task is not None:
            target = cls._given(target_task)
            target._change(task_data, is_merged=update)
            return target
        store = cls._open()
        record = exporting.to_record(task_data)
        store.create(record)
        return cls(record.id, store)

    def _change(self, data: object, *, is_merged: bool) -> None:
        """Makes the task what the data describes, in one step where another process is it."""
        from elsewhere.core.events import Edited, Properties, Tags  # noqa: PLC0415
        from elsewhere.store.states import EDITABLE  # noqa: PLC0415
        from elsewhere.task import exporting  # noqa: PLC0415

        before = self.access.captured_record
        after = exporting.merged(before, data) if is_merged else exporting.to_record(data, before)
        events, fields, labels = exporting.changes(before, after)
        if self.access.run is not None:
            if labels:
                events.append(Edited(fields=labels))
            for event in events:
                self.access.run.record(event)
            if fields:
                self.access.store.edit(self.id, allowed=EDITABLE, **fields)
            return
        is_free = not fields and all(isinstance(event, (Properties, Tags)) for event in events)
        allowed = () if is_free else EDITABLE
        self.access.store.edit(self.id, *events, allowed=allowed, **fields, **labels)
