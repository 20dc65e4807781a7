"""Stops the daemon of this home; its tasks go on unless they are to be stopped, too."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final

from elsewhere.core.clock import monotonic_s
from elsewhere.core.wording import counted
from elsewhere_agent.daemons import chosen, runs
from elsewhere_agent.errors import NotRunningError, UnresponsiveError

if TYPE_CHECKING:
    from elsewhere.core.settings import Settings

#: seconds that a daemon has to end, beside the grace of its tasks
_LEAVE_S: Final = 30.0
#: seconds between two looks
_LOOK_S: Final = 0.02


def stop_daemon(settings: Settings, name: str | None, *, is_now: bool) -> str:
    """Stops the daemon `name`, for None the running one; returns what became of it and its tasks.

    Raises NotRunningError, AgentError when several fit, and UnresponsiveError.
    """
    folder = chosen(settings.home, name)
    daemon = folder.daemon()
    if daemon is None:
        raise NotRunningError(f"No agent named {folder.name!r} runs on this machine.")
    before = runs(settings.home, folder.name)
    limit_s = _LEAVE_S + (settings.stop_grace_s if is_now else 0.0)
    until = monotonic_s() + limit_s
    os.kill(daemon.pid, signal.SIGQUIT if is_now else signal.SIGTERM)
    while daemon.is_alive():
        if monotonic_s() > until:
            raise UnresponsiveError(
                f"The agent {folder.name!r}, process {daemon.pid}, does not end within"
                f" {limit_s:.0f} s. Look into its log; its tasks survive if you kill it."
            )
        time.sleep(_LOOK_S)
    after = runs(settings.home, folder.name)
    sentences = [f"The agent {folder.name!r}, process {daemon.pid}, has stopped."]
    if is_now and before - after:
        sentences.append(f"Stopped with it: {counted(len(before - after), 'task')}.")
    if after:
        sentences.append(f"Going on until it starts again: {counted(len(after), 'task')}.")
    return " ".join(sentences)
