"""A second launcher: its runners are somewhere else, and a test decides how they are."""

from __future__ import annotations

from elsewhere.core.folders import RunFolder
from elsewhere.core.records import Outcome
from elsewhere_worker.launcher import Liveness


class FarLauncher:
    """See `launcher.Launcher`. `found` has how runners are, by task id; the others are alive."""

    def __init__(self) -> None:
        self.found: dict[str, Liveness | Outcome] = {}
        self.launched: list[RunFolder] = []
        self.ended: list[RunFolder] = []

    def launch(self, folder: RunFolder) -> bool:
        folder.launched.touch()
        self.launched.append(folder)
        return True

    def look(self, folder: RunFolder) -> Liveness | Outcome:
        return self.found.get(folder.task_id, Liveness.ALIVE)

    def end(self, folder: RunFolder) -> None:
        self.ended.append(folder)

    def prepare(self) -> None: ...

    def close(self) -> None: ...
