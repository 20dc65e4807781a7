"""The place of a benchmark: a home of its own with its embedded server and, if wanted, its agent.

<folder>/
├── home/      ELSEWHERE_HOME
├── wheels/    the only index
├── agent.log
└── ...        what a benchmark makes
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import psutil

from elsewhere.core.choices import Status
from elsewhere.core.settings import load
from elsewhere.store import connect_store, store_url
from elsewhere.store.agents import registered_agents
from elsewhere.store.queues import Queues
from elsewhere.store.redis import embedded
from tests.waiting import wait_until
from tests.wheels import write_wheel

if TYPE_CHECKING:
    from elsewhere.core.records import TaskState

#: what the agent and its peer listen on
QUEUES: Final = ("default", "other")
#: two small pure-Python packages, made here: the network is not what is measured
PACKAGES: Final = ("benchone==1.0", "benchtwo==1.0")
#: seconds that nothing may have been computed in, for a place to be at rest
_REST_S: Final = 0.3
#: seconds that any step may take
_LIMIT_S: Final = 60.0
_GIT: Final = {
    "GIT_AUTHOR_NAME": "Bench",
    "GIT_AUTHOR_EMAIL": "bench@example.org",
    "GIT_COMMITTER_NAME": "Bench",
    "GIT_COMMITTER_EMAIL": "bench@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Place:
    """Used as a context manager; nothing is left of it behind the block."""

    def __init__(self) -> None:
        # A short path: it holds a unix socket.
        self._made = tempfile.TemporaryDirectory(
            prefix="ew-bench-", dir="/tmp", ignore_cleanup_errors=True
        )
        self.folder = Path(self._made.name)
        wheels = self.folder / "wheels"
        for requirement in PACKAGES:
            name, _, version = requirement.partition("==")
            write_wheel(wheels, name, version)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)},
            **_GIT,
            "ELSEWHERE_HOME": str(self.folder / "home"),
            "ELSEWHERE_LOCAL_REMOTES_ARE_SHARED": "1",
            "ELSEWHERE_AGENT_ALLOW_LOCAL_REMOTES": "1",
            "UV_FIND_LINKS": str(wheels),
            "UV_OFFLINE": "1",
            "UV_NO_CONFIG": "1",
        }
        self.settings = load(self.environment)
        self.home = self.settings.home
        self.url = store_url(self.settings)
        self.store = connect_store(self.url)
        self.queues = Queues(self.store)
        self._agent: subprocess.Popen[bytes] | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    def start_agent(self, *options: str) -> psutil.Process:
        """The real daemon; returns when it is at rest, its fork server waiting."""
        with (self.folder / "agent.log").open("ab") as log:
            self._agent = self.start(
                command("agent"),
                "daemon",
                *(word for name in QUEUES for word in ("--queue", name)),
                *options,
                stdout=log,
                stderr=log,
            )
        process = psutil.Process(self._agent.pid)
        wait_until(
            lambda: registered_agents(self.store.redis) and process.children(),
            within_s=_LIMIT_S,
            what="the agent is up",
        )
        self.rest(process)
        return process

    def start(self, *argv: str | Path, **how: object) -> subprocess.Popen[bytes]:
        """A process that ends with the place, if it has not before."""
        process: subprocess.Popen[bytes] = subprocess.Popen(
            argv,
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us to act on
            **how,  # type: ignore[call-overload]
        )
        self._processes.append(process)
        return process

    def run(self, *argv: str | Path, folder: Path | None = None) -> str:
        """To its end. What it printed; CalledProcessError where it failed."""
        done = subprocess.run(
            argv,
            env=self.environment,
            cwd=folder or self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_LIMIT_S,
            check=False,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{argv} ended with exit code {done.returncode}:\n{done.stdout}")
        return done.stdout

    def ended(self, task_id: str, *, wanted: Status = Status.COMPLETED) -> TaskState:
        """The state of the task when it is over; RuntimeError when it ended in another way."""
        state = wait_until(
            lambda: (now := self.store.state(task_id)).status.is_final and now,
            within_s=_LIMIT_S,
            what=f"task {task_id} is over",
        )
        assert state
        if state.status is not wanted:
            output = self.store.output(task_id).data.decode(errors="replace")
            raise RuntimeError(
                f"The task {task_id} is {state.status}. {state.message}\n{output[-2000:]}"
            )
        return state

    def rest(self, process: psutil.Process) -> None:
        """Waits until the process and its children compute nothing."""

        def used() -> float:
            total = 0.0
            for one in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = one.cpu_times()
                    total += times.user + times.system
            return total

        before, since = used(), time.monotonic()
        until = since + _LIMIT_S
        while time.monotonic() - since < _REST_S:
            time.sleep(0.02)
            if (now := used()) != before:
                before, since = now, time.monotonic()
            if since > until:
                raise RuntimeError(f"Process {process.pid} does not come to rest.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in reversed(self._processes):
            # SIGQUIT: an agent takes its tasks with it.
            _end(process, signal.SIGQUIT if process is self._agent else signal.SIGTERM)
        self.store.close()
        embedded.stop(self.home)
        self._made.cleanup()


def command(name: str) -> Path:
    """A command of this environment."""
    return Path(sys.executable).with_name(name)


#: variables of the user that could change what is measured; uv keeps its cache folder
_FOREIGN: Final = ("ELSEWHERE_", "GIT_", "UV_INDEX", "UV_EXTRA", "UV_DEFAULT", "VIRTUAL_ENV")


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)  # nothing happens to one that has ended
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
