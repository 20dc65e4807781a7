"""Offline mode: whether the tasks that this process begins report into sessions of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.offline.session import OfflineSession

if TYPE_CHECKING:
    from elsewhere.core.folders import Home
    from elsewhere.core.settings import Settings


class Mode:
    """Offline mode of this process: as the setting has it, until somebody switches it."""

    def __init__(self) -> None:
        self._is_on: bool | None = None
        self._next: OfflineSession | None = None

    def is_on(self, settings: Settings) -> bool:
        return settings.offline_mode if self._is_on is None else self._is_on

    def switch_on(self, home: Home) -> OfflineSession:
        """The session of the next task; called again, the same one."""
        self._is_on = True
        self._next = self._next or OfflineSession.new(home)
        return self._next

    def switch_off(self) -> None:
        self._is_on, self._next = False, None

    def take(self, settings: Settings) -> OfflineSession | None:
        """The session of a task that begins now; None where it needs none."""
        if not self.is_on(settings):
            return None
        session, self._next = self._next or OfflineSession.new(settings.home), None
        return session
