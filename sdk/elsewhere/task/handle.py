"""The handle on a task: its id, its access, and which task this process is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from elsewhere.core.errors import UsageError
from elsewhere.report.task_access import TaskAccess

if TYPE_CHECKING:
    from typing_extensions import Self

    from elsewhere.offline import Mode
    from elsewhere.run.run import Run
    from elsewhere.store.api import SharedStore, TaskStore


class Handle:
    """A task, whichever process runs it; the aspects, a class each, add its calls.

    Imports inside methods are for weight: the first import of the SDK stays light.
    """

    #: the task of this process: a `Self`, which a class variable cannot be
    _current: ClassVar[Any] = None
    _offline: ClassVar[Mode | None] = None

    def __init__(self, task_id: str, store: TaskStore | None, run: Run | None = None) -> None:
        """Use `Task.init`, `Task.create` or `Task.get_task`: they know the `store` of the task
        `task_id`, and its `run` where this process is the task."""
        self.access: TaskAccess[Run] = TaskAccess(task_id, store, run)

    @property
    def id(self) -> str:
        """The task's id: 32 hex digits, which never change."""
        return self.access.id

    task_id = id  # noqa: A003 - the field's word

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    def reload(self) -> Self:
        """Checks that the task is there; a handle keeps nothing, so it is always fresh. Raises
        NotFoundError for a deleted task."""
        _ = self.access.state
        return self

    # handles of the class

    @classmethod
    def _of(cls, task_id: str, store: TaskStore | None = None) -> Self:
        """The handle on the task `task_id`: this process's own where it is that task, else a new
        one, whose id is looked up unless a `store` is given. Raises NotFoundError."""
        current: Self | None = cls._current
        if current is not None and current.id == task_id:
            return current
        if store is None:
            store = cls._open()
            store.state(task_id)
        return cls(task_id, store)

    @classmethod
    def _given(cls, task: Handle | str | None) -> Self:
        """The handle that a user gave, or the one of an id. Raises UsageError and NotFoundError."""
        if isinstance(task, cls):
            return task
        if not isinstance(task, str):
            raise UsageError(f"A task is needed, or its id, not {task!r:.80}.")
        return cls._of(task)

    # the store of the class

    @staticmethod
    def _mode() -> Mode:
        from elsewhere.offline import Mode  # noqa: PLC0415

        Handle._offline = Handle._offline or Mode()
        return Handle._offline

    @classmethod
    def is_offline(cls) -> bool:
        """Whether this script's task, or the one that it begins next, reports into a folder instead
        of the store: by `set_offline`, or by the setting offline_mode. Never on an agent."""
        from elsewhere.core.folders import run_folder  # noqa: PLC0415
        from elsewhere.core.settings import load  # noqa: PLC0415

        if cls._current is not None:
            return cls._current.get_offline_mode_folder() is not None
        return run_folder() is None and cls._mode().is_on(load())

    @classmethod
    def _check_online(cls) -> None:
        """Raises UsageError while offline, when only this script's own task can be reached."""
        if cls.is_offline():
            from elsewhere.offline import refuse  # noqa: PLC0415

            raise refuse()

    @classmethod
    def _open(cls) -> SharedStore:
        """The store. Raises UsageError while offline."""
        cls._check_online()
        if cls._current is not None:
            store: SharedStore = cls._current.access.store  # online, there is no other
            return store
        from elsewhere.core.settings import load  # noqa: PLC0415
        from elsewhere.store import usable_store  # noqa: PLC0415

        return usable_store(load())

    @classmethod
    def _settled(cls) -> SharedStore:
        """The store, once it has all that this process has reported of its own task."""
        if cls._current is not None:
            cls._current.access.settle()
        return cls._open()
