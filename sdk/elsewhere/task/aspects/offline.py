"""Offline mode: reporting into a folder instead of the store, and importing that later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.core.checks import checked_flag
from elsewhere.core.errors import UsageError
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from pathlib import Path


class OfflineAspect(Handle):
    """Sessions without a store: the next `Task.init` begins one, which is imported later."""

    @classmethod
    def set_offline(cls, offline_mode: bool = False) -> tuple[str, str] | None:
        """Makes the tasks that `init` begins from now on report into a folder, without any store,
        or, with `offline_mode` False, no longer.

        At the task's end the folder becomes a zip file of the same name, which
        `import_offline_session` brings into the store. Returns the id of the next task and the path
        of its folder, or None for False. On an agent nothing changes: both are those of the run.
        Raises UsageError while a task is open, and for anything but True and False.
        """
        from elsewhere.core.folders import run_folder  # noqa: PLC0415 - weight, as all imports here
        from elsewhere.core.settings import load  # noqa: PLC0415
        from elsewhere.run import membership  # noqa: PLC0415

        checked_flag("offline_mode", offline_mode)
        if (folder := membership.leader_folder() or run_folder()) is not None:
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

    def get_offline_mode_folder(self) -> Path | None:
        """The folder of the offline session, or None for a task that is not offline. After its end
        it is a zip file of that name: `import_offline_session` takes both."""
        return self.access.begun.offline_folder if self.access.begun is not None else None

    @classmethod
    def import_offline_session(
        cls,
        session_folder_zip: str | Path,
        previous_task_id: str | None = None,
        iteration_offset: int = 0,
    ) -> str:
        """Brings the reports of an offline session into the store; returns the task's id.

        session_folder_zip
            The zip file that the script named at its end, or the folder of one that was killed.
        previous_task_id
            The session is added to this task, as a further attempt: its reports and results stay,
            and parameters, configurations and tags of the session are merged over its own. Without
            it the task is a new one, with the id that it had offline.
        iteration_offset
            Added to each iteration of the session; values without iterations stay as they are.

        Artifacts and models are uploaded to the task's output_uri, or else to the place of the
        settings. The whole session is checked before anything is written; an import that was cut
        off goes on when it is called again. Raises UsageError for what is not a session, one of a
        newer version, and one that is in the store already; StorageError and RecordError for a
        damaged one; NotFoundError and TransitionError for a previous task that cannot take it.
        """
        from elsewhere.core.settings import load  # noqa: PLC0415
        from elsewhere.offline.importing import import_session  # noqa: PLC0415

        store = cls._open()
        return import_session(store, load(), session_folder_zip, previous_task_id, iteration_offset)
