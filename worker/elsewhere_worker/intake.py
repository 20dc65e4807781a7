"""The intake: whether a worker takes tasks now, and when it has done all that it was to do."""

from __future__ import annotations

import logging
import time
from enum import Enum
from typing import TYPE_CHECKING

from elsewhere.core.clock import monotonic_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere_worker.settings import WorkerSettings


logger = logging.getLogger(__name__)


class Mode(Enum):
    """What an operator wants of an agent, beside its settings."""

    WORKING = "working"
    PAUSED = "paused"
    DRAINING = "draining"


class Intake:
    """Decides for one worker; `mode` is read anew before each task, and `heeds` is called with it
    where no task is being taken meanwhile.

    `closed` is why no task was taken at the last look, empty while tasks are taken; `taken` counts
    those of this process; `is_over` once the worker is to end.
    """

    def __init__(self, mode: Callable[[], Mode], heeds: Callable[[Mode], None]) -> None:
        self.closed = ""
        self.taken = 0
        self.is_over = False
        self._mode = mode
        self._heeds = heeds
        self._busy_at_s = monotonic_s()

    def look(self, settings: WorkerSettings, *, is_busy: bool) -> bool:
        """Looks anew; True if `closed` is another now. `is_busy`: a task of the worker runs."""
        self._heeds(self._mode())
        before, self.closed = self.closed, self.reason(settings)
        if self.closed and self.closed != before:
            logger.info("no tasks are taken: %s", self.closed)
        elif before and not self.closed:
            logger.info("tasks are taken again")
        if over := self._over(settings, is_busy=is_busy):
            logger.info("this agent ends: %s", over)
            self.is_over = True
        return self.closed != before

    def reason(self, settings: WorkerSettings) -> str:
        """Why no task is taken now; empty while tasks are taken."""
        mode, now = self._mode(), time.localtime()
        if mode is not Mode.WORKING:
            return str(mode.value)
        if settings.max_tasks and self.taken >= settings.max_tasks:
            return f"it has taken its {settings.max_tasks} tasks"
        if not settings.hours.hold(now.tm_wday, now.tm_hour * 60 + now.tm_min):
            return f"outside its hours, {settings.hours.text}"
        return ""

    def _over(self, settings: WorkerSettings, *, is_busy: bool) -> str:
        mode = self._mode()
        if is_busy or mode is Mode.PAUSED:
            self._busy_at_s = monotonic_s()
            return ""
        if mode is Mode.DRAINING:
            return "it is drained"
        if settings.max_tasks and self.taken >= settings.max_tasks:
            return f"its {settings.max_tasks} tasks have ended"
        idle_s = settings.exit_when_idle_s
        if idle_s and monotonic_s() - self._busy_at_s >= idle_s:
            return f"nothing has run for {idle_s:g} s"
        return ""
