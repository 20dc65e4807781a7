"""The command `agent` as a real process, and tasks for it."""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from elsewhere.core.records import Environment, Source, TaskRecord
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from tests.waiting import wait_until

CALL: Final = (
    sys.executable,
    "-c",
    "import sys; from elsewhere_start import agent; sys.exit(agent())",
)

#: a script that waits until there is a file, and says so
WAITING: Final = """
import os, time
print("begun", flush=True)
while not os.path.exists({path!r}):
    time.sleep(0.02)
print("done", flush=True)
"""


def call(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CALL, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )


class Agent:
    """A daemon in the foreground."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def running_daemon(
    folder: Path, *arguments: str, is_up: bool = True, **environ: str
) -> Iterator[Agent]:
    """Up inside the block, unless `is_up` is False; after it the daemon is gone and its tasks are
    stopped."""
    log = folder / f"daemon-{secrets.token_hex(4)}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*CALL, "daemon", *arguments], stderr=output, env={**os.environ, **environ}
        )
    agent = Agent(process, log)
    try:
        if is_up:
            wait_until(lambda: " is up: " in agent.log, within_s=20, what=f"{log} says it is up")
        yield agent
    finally:
        if process.poll() is None:
            agent.end(signal.SIGQUIT)


def draft(store: RedisStore, folder: Path, script: str) -> str:
    """A task that runs the script, which lies in no repository. Its packages: none."""
    code = folder / secrets.token_hex(4)
    code.mkdir()
    (code / "main.py").write_text(script)
    _git(code, "init", "--quiet")
    _git(code, "add", "main.py")
    empty = _git(code, "hash-object", "-t", "tree", "/dev/null").decode().strip()
    patch = _git(code, "diff", "--cached", "--binary", "--full-index", empty)
    digest = hashlib.sha256(patch).hexdigest()
    store.put_blob(digest, patch)
    record = TaskRecord(
        id=secrets.token_hex(16),
        name="a script",
        project="agent tests",
        source=Source(
            patch=digest,
            tree=_git(code, "write-tree").decode().strip(),
            entry_point="main.py",
        ),
        environment=Environment(
            python=f"{sys.version_info.major}.{sys.version_info.minor}", packages=()
        ),
    )
    store.create(record)
    return record.id


def enqueue(store: RedisStore, task_id: str, queue: str = "default") -> None:
    queues = Queues(store)
    queues.create(queue)
    queues.enqueue(task_id, queue)


def _git(folder: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, check=True).stdout
