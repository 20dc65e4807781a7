"""The demo's machine: its folder, its environment, and the end of all its processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from elsewhere.core.clock import monotonic_s
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.core.settings import load
from elsewhere.store.agents import registered_agents
from elsewhere.store.redis import embedded
from elsewhere_agent.errors import AgentError
from elsewhere_agent.stop import stop_daemon
from elsewhere_sandbox.tree import kill, marked

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.store.redis.store import RedisStore

#: seconds until the daemon must be up, and until killed processes must be gone
_UP_S: Final = 20.0
_GONE_S: Final = 5.0
#: seconds between two looks
_LOOK_S: Final = 0.02
_LAST_LINES: Final = 8


class Machine:
    """The machine. `environment` is the user's, without variables that lead out of the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tmp").mkdir()
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("ELSEWHERE_", "GIT_"))},
            # a script that is killed during its capture leaves its temporary files
            "TMPDIR": str(folder / "tmp"),
            "ELSEWHERE_HOME": str(folder / "home"),
            "ELSEWHERE_STOP_GRACE_S": "2",
            # the laptop's remote is a folder, which the agent can reach here
            "ELSEWHERE_LOCAL_REMOTES_ARE_SHARED": "1",
            "ELSEWHERE_AGENT_ALLOW_LOCAL_REMOTES": "1",
        }
        self.settings = load(self.environment)
        self._daemon: subprocess.Popen[bytes] | None = None

    def start_agent(self, store: RedisStore) -> str:
        """Starts the agent; returns its log once it is up. Raises AgentError."""
        code = "import sys; from elsewhere_start import agent; sys.exit(agent())"
        path = self.folder / "agent.log"
        with path.open("wb") as log:
            # A session of its own: only the demo gets a Ctrl-C.
            self._daemon = subprocess.Popen(
                [sys.executable, "-P", "-c", code, "daemon", "--queue", "default"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = monotonic_s() + _UP_S
        while not registered_agents(store.redis):
            if self._daemon.poll() is not None or monotonic_s() > until:
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
                last = "\n".join(lines[-_LAST_LINES:])
                raise AgentError(f"The agent does not come up. The last of its log:\n{last}")
            time.sleep(_LOOK_S)
        return path.read_text(encoding="utf-8", errors="replace")

    def end(self) -> None:
        """Asks the agent and the server to end, then ends whatever else has this home."""
        with suppress(AgentError):
            stop_daemon(self.settings, None, is_now=True)
        with suppress(StoreUnavailableError):
            embedded.stop(self.settings.home)
        until = monotonic_s() + _GONE_S
        home = self.environment["ELSEWHERE_HOME"]
        while (left := marked("ELSEWHERE_HOME", home)) and monotonic_s() < until:
            kill(left)
        if self._daemon is not None:
            self._daemon.wait(_GONE_S)
