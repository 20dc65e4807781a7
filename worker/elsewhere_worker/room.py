"""The room on the disk that must be free before a task is taken, and the caches that give way for
it and keep to their budgets."""

from __future__ import annotations

import logging
import shutil
import socket
from typing import TYPE_CHECKING, Final

from elsewhere.core.clock import monotonic_s
from elsewhere.core.wording import size
from elsewhere_sandbox.caches import collect, make_room

if TYPE_CHECKING:
    from elsewhere_sandbox.caches import Kept
    from elsewhere_worker.settings import WorkerSettings

logger = logging.getLogger(__name__)

#: seconds between two looks at the sizes of all caches
_LOOK_S: Final = 600.0


class Room:
    """The room for tasks of one worker. `problem` is a sentence while there is too little."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._look_at_s = 0.0
        self.problem = ""

    def is_enough(self) -> bool:
        """Whether a task may be taken."""
        missing_bytes = self._missing_bytes()
        problem = ""
        if missing_bytes > 0:
            runs, needed = self._settings.home.runs, size(self._settings.free_bytes)
            problem = (
                f"No task is taken: the disk of {runs} on {socket.gethostname()} has less than the"
                f" {needed} that agent.free_bytes asks for. Make room there."
            )
        if problem and not self.problem:
            logger.warning("%s", problem)
        elif self.problem and not problem:
            logger.info("tasks are taken again: there is room on the disk")
        self.problem = problem
        return not problem

    def keep(self) -> None:
        """Lets caches give way while there is too little room, and every few minutes keeps each
        within its budget."""
        home = self._settings.home
        if (missing_bytes := self._missing_bytes()) > 0:
            _log(make_room(home, missing_bytes))
        if monotonic_s() >= self._look_at_s:
            self._look_at_s = monotonic_s() + _LOOK_S
            _log(collect(home, self._settings.cache_budgets))

    def _missing_bytes(self) -> int:
        home = self._settings.home
        folder = home.runs if home.runs.is_dir() else home.path  # the first run makes the former
        try:
            return self._settings.free_bytes - shutil.disk_usage(folder).free
        except OSError:  # it is not known
            return 0


def _log(removed: list[Kept]) -> None:
    for one in removed:
        logger.info("removed from %s: %s, %s", one.kind, one.what, size(one.size_bytes))
