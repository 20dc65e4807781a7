"""The two machines of a story: a laptop where people start scripts, and a box with an agent.

They share nothing but Redis and, where a story wants that, a folder with git remotes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import redis

import elsewhere
from elsewhere import Task
from elsewhere.core.records import Outcome, TaskState
from elsewhere.store import connect_store
from elsewhere.store.redis.store import RedisStore
from tests import torchrun
from tests.waiting import wait_until
from tests.wheels import install, write_wheel

#: what the laptop's venv has: one package that the box can install, and one that nobody can
GAUGE: Final = {"gauge.py": "UNIT = 'furlong'\n"}
HOMEGROWN: Final = {"homegrown.py": "SECRET_SAUCE = True\n"}

_AGENT: Final = (
    *(sys.executable, "-c"),
    "import sys; from elsewhere_start import agent; sys.exit(agent())",
)
_SENT: Final = re.compile(r"^Elsewhere: task ([0-9a-f]{32}) waits in queue", re.MULTILINE)
_BEGUN: Final = re.compile(r"^Elsewhere: task ([0-9a-f]{32}) ", re.MULTILINE)


def make_wheels(folder: Path) -> None:
    """What the box can install without a network."""
    write_wheel(folder, "gauge", "2.5", GAUGE)
    write_wheel(folder, "torch", "2.9", torchrun.TORCH)
    write_wheel(folder, "accelerate", "1.9", torchrun.ACCELERATE_FILES)


def make_venv(folder: Path) -> Path:
    """The interpreter of a user's virtual environment, with the SDK and what the SDK needs."""
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    needs = dict.fromkeys(str(Path(item.__path__[0]).parent) for item in (elsewhere, redis))
    (site / "sdk.pth").write_text("".join(f"{path}\n" for path in needs))
    install(site, "gauge", "2.5", GAUGE)
    install(site, "homegrown", "0.1", HOMEGROWN)
    install(site, "torch", "2.9", torchrun.TORCH)
    install(site, "accelerate", "1.9", torchrun.ACCELERATE_FILES)
    return folder / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Printed:
    """What a process printed, and its exit code."""

    code: int
    output: bytes
    errors: str

    @property
    def task_id(self) -> str:
        """Of the task that the script was."""
        found = _BEGUN.search(self.errors)
        assert found is not None, self.errors
        return found[1]


class Repository:
    """A git repository on the laptop's disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *words: str | Path) -> str:
        return _git(self.folder, *words)

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: Mapping[str, str | bytes]) -> None:
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Work")

    def push(self) -> None:
        self.git("push", "--quiet", "--set-upstream", "origin", "main")

    def clone(self, url: Path, path: str) -> Repository:
        """A submodule at `path`."""
        self.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, path)
        return Repository(self.folder / path)


class Laptop:
    """Where people start scripts. `folder` is a test's own, the interpreter serves all."""

    def __init__(
        self, python: Path, folder: Path, store: RedisStore, url: str, packages: str = "auto"
    ) -> None:
        self.folder = folder
        self._python = python
        self._store = store
        self._environ = {
            "ELSEWHERE_REDIS_URL": url,
            "ELSEWHERE_PACKAGES": packages,
            "HOME": str(folder),
            # Python's own caches are no change that Elsewhere makes to a repository.
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @property
    def bin(self) -> Path:
        """The folder of its commands."""
        return self._python.parent

    def remote(self, name: str) -> Path:
        """An empty bare repository that the box can reach, too."""
        path = self.folder / f"{name}.git"
        _git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", path)
        return path

    def repository(
        self, name: str, files: Mapping[str, str | bytes], *, remote: Path | None = None
    ) -> Repository:
        """With one commit, which is pushed where there is a remote."""
        repository = Repository(self.folder / name)
        repository.folder.mkdir()
        repository.git("init", "--quiet", "--initial-branch=main")
        repository.commit(files)
        if remote is not None:
            repository.git("remote", "add", "origin", remote)
            repository.push()
        return repository

    def run(self, folder: Path, *words: str, says: str = "", **environ: str) -> Printed:
        """`python words...` in a folder, to its end; `says` is its input."""
        ended = subprocess.run(
            [self._python, *words],
            cwd=folder,
            env={**os.environ, **self._environ, **environ},
            input=says.encode(),
            capture_output=True,
            check=False,
            timeout=60,
        )
        return Printed(ended.returncode, ended.stdout, ended.stderr.decode(errors="replace"))

    def send(self, folder: Path, *words: str, **environ: str) -> Task:
        """The task of a script that goes elsewhere, waiting in its queue."""
        printed = self.run(
            folder, *words, **{"ELSEWHERE_LOCAL_REMOTES_ARE_SHARED": "yes", **environ}
        )
        assert printed.code == 0, printed
        sent = _SENT.search(printed.errors)
        assert sent is not None, printed
        return Task(sent[1], self._store)

    def task(self, printed: Printed) -> Task:
        """The task that a script was."""
        return Task(printed.task_id, self._store)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a task ended, with all that it printed."""

    state: TaskState
    output: str

    @property
    def status(self) -> str:
        return str(self.state.status)

    @property
    def outcome(self) -> Outcome:
        assert self.state.outcome is not None, self
        return self.state.outcome


class Box:
    """A machine with an agent, which lacks what the laptop has. `options` are the agent's."""

    def __init__(
        self,
        folder: Path,
        url: str,
        wheels: Path,
        *options: str,
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home or folder / "home"
        self._options = options
        self.store = connect_store(url)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "uv.toml").write_text("no-index = true\n")
        self.environ = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG")},
            "HOME": str(folder),
            "ELSEWHERE_HOME": str(self.home),
            "ELSEWHERE_REDIS_URL": url,
            "ELSEWHERE_AGENT_NAME": "box",
            "ELSEWHERE_AGENT_SLOTS": "2",
            "ELSEWHERE_AGENT_ALLOW_LOCAL_REMOTES": "yes",
            "UV_CONFIG_FILE": str(folder / "uv.toml"),
            "UV_FIND_LINKS": str(wheels),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
            **(environ or {}),
        }

    def start(self) -> None:
        """Returns when the agent takes tasks. It is no child of this process."""
        started = agent("daemon", "--detached", *self._options, environ=self.environ)
        assert started.code == 0, started

    def stop(self) -> None:
        stopped = agent("stop", "--now", environ=self.environ)
        self.store.close()
        assert stopped.code == 0, stopped

    def run(self, task: Task, *, queue: str = "default") -> Ended:
        """Enqueues a draft, and waits for its end."""
        Task.enqueue(task, queue)
        return self.end(task)

    def end(self, task: Task) -> Ended:
        """Waits for the end of a task that is in a queue."""

        def is_over() -> bool:
            state = self.store.state(task.id)
            assert state.status.is_final, f"{state}\n{self.output(task)}"
            return True

        wait_until(is_over, within_s=60, what=f"{task.id} has ended")
        return Ended(self.store.state(task.id), self.output(task))

    def output(self, task: Task) -> str:
        return self.store.output(task.id).data.decode(errors="replace")

    def programs(self) -> list[str]:
        """Command lines of what tasks have started on it and what still runs."""
        runs = f"ELSEWHERE_RUN_FOLDER={self.home}/".encode()
        found = []
        for process in psutil.process_iter():
            try:
                environ = Path(f"/proc/{process.pid}/environ").read_bytes()
                if any(item.startswith(runs) for item in environ.split(b"\0")):
                    found.append(" ".join(process.cmdline()))
            except (OSError, psutil.NoSuchProcess):  # it has just ended
                continue
        return found


@dataclass(frozen=True, slots=True)
class World:
    """What is made once: the store's URL, the laptop's interpreter, the box and its wheels."""

    url: str
    python: Path
    wheels: Path
    box: Box


def agent(*words: str, environ: Mapping[str, str], within_s: float = 60.0) -> Printed:
    """The operator's command, to its end."""
    ended = subprocess.run(
        [*_AGENT, *words],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=within_s,
    )
    return Printed(ended.returncode, ended.stdout, ended.stderr.decode(errors="replace"))


def _git(folder: Path, *words: str | Path) -> str:
    return subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, check=True, text=True
    ).stdout
