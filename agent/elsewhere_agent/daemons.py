"""The daemons of this home, and the tasks that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elsewhere.core.folders import RunFolder
from elsewhere_agent.errors import AgentError, NotRunningError
from elsewhere_agent.folder import AgentFolder
from elsewhere_worker.host_launcher import HostLauncher
from elsewhere_worker.launcher import Liveness
from elsewhere_worker.owner import Owner

if TYPE_CHECKING:
    from elsewhere.core.folders import Home


def chosen(home: Home, name: str | None) -> AgentFolder:
    """The folder of the agent `name`, for None of the only one that runs. Raises NotRunningError,
    and AgentError when several run."""
    if name is not None:
        return AgentFolder.of(home, name)
    running = [folder for folder in AgentFolder.all_in(home) if folder.daemon()]
    if not running:
        raise NotRunningError(f"No agent runs on this machine with the home {home.path}.")
    if len(running) > 1:
        names = ", ".join(folder.name for folder in running)
        raise AgentError(f"Several agents run here: name one with --name. Known: {names}.")
    return running[0]


def runs(home: Home, name: str) -> set[str]:
    """The run folders of the agent `name` with a live runner."""
    launcher, found = HostLauncher(), set()
    for folder in RunFolder.all_in(home.runs):
        if folder.acked.exists() or launcher.look(folder) is not Liveness.ALIVE:
            continue
        owner = Owner.of(folder)
        if owner is not None and owner.worker == name:
            found.add(folder.path.name)
    return found
