"""The way of `Task` to the store, and doing without: offline mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from elsewhere.core.errors import UsageError
from elsewhere.task.handle import TaskHandle

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.offline import Mode
    from elsewhere.store.api import Store

__all__ = ["Connected"]


class Connected(TaskHandle):
    """Handles that know whether this script has a store."""

    #: the task that this process is; of the class itself, which a class variable cannot say
    _current: ClassVar[Any] = None
    _offline: ClassVar[Mode | None] = None

    @classmethod
    def set_offline(cls, offline_mode: bool = False) -> tuple[str, str] | None:
        """Whether the tasks that `init` begins from now on report into a folder, without any store.

        At the task's end the folder becomes a zip file of the same name, which
        `import_offline_session` brings into the store. Returns the id of the next task and the path
        of its folder; None when offline mode is switched off. On an agent nothing changes: both are
        those of the run. Raises UsageError while a task is open.
        """
        from elsewhere.core.settings import load  # noqa: PLC0415
        from elsewhere.run import membership  # noqa: PLC0415 - weight, as all imports here

        if not isinstance(offline_mode, bool):
            raise UsageError(f"offline_mode must be True or False, not {offline_mode!r:.80}.")
        if (folder := membership.leader_folder() or membership.run_folder()) is not None:
            return folder.task_id, str(folder.path)
        if cls._current is not None:
            raise UsageError(
                f"Offline mode cannot be switched while task {cls._current.id} is open: call"
                " set_offline before Task.init, or close the task first."
            )
        if not offline_mode:
            cls._mode().switch_off()
            return None
        session = cls._mode().switch_on(load().home)
        return session.task_id, str(session.path)

    @classmethod
    def is_offline(cls) -> bool:
        """Whether this script's task, or the one that it begins next, reports into a folder instead
        of the store: `set_offline`, or the setting offline_mode. Never so on an agent."""
        from elsewhere.core.settings import load  # noqa: PLC0415
        from elsewhere.run import membership  # noqa: PLC0415

        if cls._current is not None:
            return cls._current.get_offline_mode_folder() is not None
        return membership.run_folder() is None and cls._mode().is_on(load())

    def get_offline_mode_folder(self) -> Path | None:
        """The folder of the offline session, also after its end, when it has become a zip file of
        that name: `import_offline_session` takes both. None for a task that is not offline."""
        offline = self._run.offline if self._run is not None else None
        return None if offline is None else offline.path

    @classmethod
    def import_offline_session(
        cls,
        session_folder_zip: str | Path,
        previous_task_id: str | None = None,
        iteration_offset: int = 0,
    ) -> str:
        """Brings what a script said offline into the store; returns the task's id.

        session_folder_zip
            The zip file that the script named at its end, or the folder of one that was killed.
        previous_task_id
            The session is added to this task, as a further attempt: what it has reported and made
            stays, and parameters, configurations and tags of the session are merged over its own.
            Without it the task is a new one, with the id that it had offline.
        iteration_offset
            Added to each iteration of the session; values without iterations stay as they are.

        Artifacts and models are uploaded to the task's output_uri, or else to the place of the
        settings. The whole session is checked before anything is written; an import that was cut
        off goes on when it is called again. Raises UsageError for what is no session, one of a
        newer version, and one that is in the store already; StorageError and RecordError for a
        damaged one; NotFoundError and TransitionError for a previous task that cannot take it.
        """
        from elsewhere.core.settings import load  # noqa: PLC0415
        from elsewhere.offline import import_session  # noqa: PLC0415

        store = cls._open()
        return import_session(store, load(), session_folder_zip, previous_task_id, iteration_offset)

    # helpers

    @staticmethod
    def _mode() -> Mode:
        from elsewhere.offline import Mode  # noqa: PLC0415

        Connected._offline = Connected._offline or Mode()
        return Connected._offline

    @classmethod
    def _check_online(cls) -> None:
        """Raises UsageError where nothing but the own task can be reached."""
        if cls.is_offline():
            from elsewhere.offline import refuse  # noqa: PLC0415

            raise refuse()

    @classmethod
    def _open(cls) -> Store:
        """Raises UsageError offline."""
        cls._check_online()
        if cls._current is not None:
            store: Store = cls._current._store
            return store
        from elsewhere.core.settings import load  # noqa: PLC0415
        from elsewhere.store import open_store  # noqa: PLC0415

        return open_store(load())
