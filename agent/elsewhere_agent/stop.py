"""Stops the daemon of this home; its tasks go on unless they are to be stopped, too."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final

from elsewhere.core.clock import monotonic_s
from elsewhere.core.folders import RunFolder
from elsewhere_agent.errors import AgentError, NotRunningError, UnresponsiveError
from elsewhere_agent.folder import AgentFolder
from elsewhere_worker.host_launcher import HostLauncher
from elsewhere_worker.launcher import Liveness
from elsewhere_worker.owner import Owner

if TYPE_CHECKING:
    from elsewhere.core.folders import Home
    from elsewhere.core.settings import Settings

#: seconds that a daemon has to end, beside the grace of its tasks
_LEAVE_S: Final = 30.0
#: seconds between two looks
_LOOK_S: Final = 0.02


def stop_daemon(settings: Settings, name: str | None, *, is_now: bool) -> str:
    """Stops the daemon `name`, for None the running one; returns what became of it and its tasks.

    Raises NotRunningError, AgentError when several fit, and UnresponsiveError.
    """
    folder = _chosen(settings.home, name)
    daemon = folder.daemon()
    if daemon is None:
        raise NotRunningError(f"No agent named {folder.name!r} runs on this machine.")
    before = _running(settings.home, folder.name)
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
    after = _running(settings.home, folder.name)
    sentences = [f"The agent {folder.name!r}, process {daemon.pid}, has stopped."]
    if is_now and before - after:
        sentences.append(f"Stopped with it: {_counted(before - after)}.")
    if after:
        sentences.append(f"Going on until it starts again: {_counted(after)}.")
    return " ".join(sentences)


def _chosen(home: Home, name: str | None) -> AgentFolder:
    if name is not None:
        return AgentFolder.of(home, name)
    running = [folder for folder in AgentFolder.all_in(home) if folder.daemon()]
    if not running:
        raise NotRunningError(f"No agent runs on this machine with the home {home.path}.")
    if len(running) > 1:
        names = ", ".join(folder.name for folder in running)
        raise AgentError(
            f"Several agents run here: name the one to stop with --name. Known: {names}."
        )
    return running[0]


def _running(home: Home, name: str) -> set[str]:
    """The run folders of this agent with a live runner."""
    launcher, found = HostLauncher(keeps_spare=False), set()
    for folder in RunFolder.all_in(home.runs):
        if folder.acked.exists() or launcher.look(folder) is not Liveness.ALIVE:
            continue
        owner = Owner.of(folder)
        if owner is not None and owner.worker == name:
            found.add(folder.path.name)
    return found


def _counted(folders: set[str]) -> str:
    return "1 task" if len(folders) == 1 else f"{len(folders)} tasks"
