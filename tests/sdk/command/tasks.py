"""Tasks in the store, in any state, for tests of the command `elsewhere`, and its process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

from elsewhere.core.choices import Reason, Status
from elsewhere.core.events import Event
from elsewhere.core.records import Outcome, TaskRecord
from elsewhere.store import connect_store
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from tests.waiting import wait_until

#: a process of the command, whatever Python runs the tests
COMMAND: Final = (
    sys.executable,
    "-c",
    "import sys; from elsewhere_start import elsewhere; sys.exit(elsewhere())",
)


@contextmanager
def open_tasks(redis_url: str) -> Iterator[Tasks]:
    """The tasks of a store, which the command finds by ELSEWHERE_REDIS_URL."""
    os.environ["ELSEWHERE_REDIS_URL"] = redis_url
    try:
        with closing(connect_store(redis_url)) as store:
            yield Tasks(store)
    finally:
        os.environ.pop("ELSEWHERE_REDIS_URL", None)


@contextmanager
def started(*arguments: str, before: str = "", **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process of its own, which is over at the end of the block. It runs the code
    `before` first."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    python, option, code = COMMAND
    command = [python, option, f"{before}\n{code}", *arguments]
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


class Heard:
    """What has come out of a pipe or terminal so far."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self.data = b""

    def has(self, text: bytes) -> None:
        """Waits for it."""
        wait_until(lambda: text in self.look(), what=f"{text!r} is in {self.data!r}")

    def look(self) -> bytes:
        with suppress(BlockingIOError, OSError):  # a terminal that nobody holds any more: EIO
            while piece := os.read(self._descriptor, 1 << 16):
                self.data += piece
        return self.data


class Tasks:
    """What workers and scripts do to tasks."""

    def __init__(self, store: RedisStore) -> None:
        self.store = store
        self.queues = Queues(store)

    def create(self, name: str = "train model", **fields: Any) -> str:
        task_id: str = fields.pop("id", os.urandom(16).hex())
        fields = {"project": "examples", **fields}
        self.store.create(TaskRecord(id=task_id, name=name, **fields))
        return task_id

    def begin(self, task_id: str, worker: str = "box:gpu0") -> int:
        allowed = (Status.CREATED, Status.QUEUED, Status.STOPPED)
        claim = self.store.claim(
            task_id, worker=worker, token=os.urandom(8).hex(), lease_s=60, allowed=allowed
        )
        assert claim.attempt, claim.status
        return claim.attempt

    def running(self, name: str = "train model", **fields: Any) -> str:
        task_id = self.create(name, **fields)
        self.begin(task_id)
        return task_id

    def prints(self, task_id: str, data: bytes, pending: str = "") -> None:
        attempt = self.store.state(task_id).attempt
        start = self.store.output_offset(task_id, attempt)
        end = start + len(data)
        assert self.store.append_output(task_id, attempt, start, end, data, pending) == end

    def says(self, task_id: str, *events: Event) -> None:
        attempt = self.store.state(task_id).attempt
        start = self.store.journal_offset(task_id, attempt, "1.events")
        self.store.apply(task_id, attempt, "1.events", start, start + 1, events)

    def ends(self, task_id: str, reason: Reason = Reason.COMPLETED, **fields: Any) -> None:
        attempt = self.store.state(task_id).attempt
        self.store.finish(task_id, attempt, Outcome(reason=reason, **fields))
