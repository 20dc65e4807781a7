"""Run folders whose ends are in the store: kept for a while, and as long as an upload waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from elsewhere.core.folders import RunFolder
from elsewhere.delivery.sessions import only_one
from elsewhere.delivery.waiting import RETRY_S, try_again, waiting_in
from elsewhere_worker.owner import Owner

if TYPE_CHECKING:
    from elsewhere.artifacts.uploading import Uploader
    from elsewhere.store.redis.store import RedisStore
    from elsewhere_worker.settings import WorkerSettings

#: uploads that wait, as the agent's record names them
_MOST_WAITING: Final = 20


class OldRuns:
    """The acknowledged run folders of one worker. `waiting` are sentences on uploads that wait."""

    def __init__(
        self, store: RedisStore, settings: WorkerSettings, owner: Owner, upload: Uploader
    ) -> None:
        self._store = store
        self._settings = settings
        self._owner = owner
        self._upload = upload
        self._retry_s = 0.0
        self.waiting: tuple[str, ...] = ()

    def try_uploads_again(self) -> None:
        """At the start, since the configuration may be another one, and then every few minutes."""
        waiting: list[str] = []
        for folder in RunFolder.all_in(self._settings.home.runs):
            notes = waiting_in(folder)
            owner = Owner.of(folder) if notes and folder.acked.exists() else None
            if owner is not None and owner.store == self._owner.store:
                with only_one(folder) as is_ours:
                    if is_ours:
                        notes = try_again(
                            self._store, folder, self._upload, older_than_s=self._retry_s
                        )
            waiting += [f"{folder.path.name} {note.sentence}" for note in notes]
        self.waiting, self._retry_s = tuple(waiting[:_MOST_WAITING]), RETRY_S

    def forget(self) -> None:
        """Removes the folders that are older than `keep_runs_s`."""
        RunFolder.sweep(self._settings.home.runs)
        for folder in RunFolder.all_in(self._settings.home.runs):
            try:
                acked_at = folder.acked.stat().st_mtime
            except FileNotFoundError:
                continue
            is_old = time.time() - acked_at > self._settings.keep_runs_s
            if is_old and not waiting_in(folder):  # those are the only copies
                folder.remove()
