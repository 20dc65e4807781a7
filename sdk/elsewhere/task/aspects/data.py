"""A task as plain data: exported, imported, and changed by such data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

__all__ = ["DataAspect"]


class DataAspect(Handle):
    """Data as `task.exporting` makes and reads it."""

    def export_task(self) -> dict[str, Any]:
        """All that is needed to make the task again, as plain data that JSON can hold.

        Its code is named by digests: it lies in the store, for 30 days from its last use. What the
        task said and made is not in it.
        """
        from elsewhere.task import exporting  # noqa: PLC0415

        return exporting.to_data(self.access.captured_record)

    def update_task(self, task_data: Mapping[str, Any]) -> bool:
        """Changes the task in what the dict has, as `export_task` calls it, nested ones too. True.

        Raises UsageError, and TransitionError where the status does not allow it: names, comment,
        tags and properties may always change.
        """
        self._change(task_data, is_merged=True)
        return True

    @classmethod
    def import_task(
        cls,
        task_data: Mapping[str, Any],
        target_task: Self | str | None = None,
        update: bool = False,
    ) -> Self | None:
        """A new draft of what `export_task` gave, or `target_task` made the same.

        `update` changes the target only in what the dict has, nested ones too. What it ran is left
        alone. Its code must be in this store, by its digests, when it is enqueued.

        Raises UsageError for a dict that is none of a task, NotFoundError for an unknown target,
        and TransitionError when the status of the target does not allow it.
        """
        from elsewhere.task import exporting  # noqa: PLC0415

        if target_task is not None:
            target = cls._given(target_task)
            target._change(task_data, is_merged=update)
            return target
        store = cls._open()
        record = exporting.to_record(task_data)
        store.create(record)
        return cls(record.id, store)

    # helpers

    def _change(self, data: object, *, is_merged: bool) -> None:
        """Makes the task what the data says, in one step where another process is it."""
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
