"""An agent's machine whose files others read: its records, and the thread that serves them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

from elsewhere.artifacts import bring
from elsewhere.artifacts.far import FarFile, of_run
from elsewhere.artifacts.places import quoted
from elsewhere.artifacts.transfer import Transfer, reachable
from elsewhere.core.events import ArtifactAdded, Sample
from elsewhere.core.folders import Home, RunFolder
from elsewhere.core.records import Artifact
from elsewhere.core.uploads import Upload
from elsewhere.storage import sha256_of
from elsewhere.store import connect_store
from elsewhere.store.agents import AgentRecord
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.relay import Answer, Request
from elsewhere_sandbox.written import begin as mark_begun
from elsewhere_worker.duty import Duty, Troubles
from elsewhere_worker.owner import Owner
from elsewhere_worker.registration import Registration
from elsewhere_worker.relay import FileServer
from elsewhere_worker.settings import WorkerSettings
from tests.stores import begin
from tests.waiting import wait_until

#: the agent, and what others call its machine
AGENT = "box"
HOST = "gpu-box"


@dataclass
class Far:
    """The machine. `sent` are the sizes of the parts that went into Redis; its agent falls silent
    after `most_parts` of them."""

    home: Home
    url: str
    name: str = AGENT
    host: str = HOST
    store: RedisStore = field(init=False)
    sent: list[int] = field(default_factory=list)
    most_parts: int = 1 << 30
    troubles: Troubles = field(default_factory=Troubles)

    def __post_init__(self) -> None:
        self.store = connect_store(self.url)
        self._is_ending = threading.Event()
        self._thread: threading.Thread | None = None
        record = AgentRecord(
            name=self.name,
            machine=f"id of {self.name}",
            host=self.host,
            pid=1,
            home=str(self.home.path),
            version="1",
            queues=("default",),
            slots=1,
            started_at=0.0,
            serves_files=True,
        )
        self.registration = Registration(connect_store(self.url).redis, record)

    def start(self) -> None:
        """The duty begins; its agent is registered."""
        self.registration.renew(())
        self._is_ending = threading.Event()
        settings = WorkerSettings(name=self.name, queues=("q",), home=self.home, url=self.url)
        server = FileServer(settings, self.store, self._is_ending)
        give = server._wire.give

        def counted(parts: list[tuple[Request, Answer, bytes]]) -> None:
            self.sent += [len(data) for _, _, data in parts]
            give(parts)
            if len(self.sent) >= self.most_parts:
                self._is_ending.set()

        server._wire.give = counted  # type: ignore[method-assign, assignment]
        self._thread = Duty(server.relay, self._is_ending, self.troubles)
        self._thread.start()

    def stop(self) -> None:
        """As an agent's end: what was asked for stays in Redis."""
        self._is_ending.set()
        if self._thread is not None:
            self._thread.join(timeout=20)
            assert not self._thread.is_alive()
        self._thread = None

    # what lies there

    def run(self) -> RunFolder:
        """The run folder of a task's first attempt, whose program has begun."""
        task_id = begin(self.store, worker=self.name)
        owner = Owner(worker=self.name, store=self.store.identity())
        folder = owner.take(self.home.run(task_id, 1))
        folder.code.mkdir()
        mark_begun(folder)
        return folder

    def write(self, folder: RunFolder, path: str, data: bytes) -> FarFile:
        """A file that the program writes, as others reach it."""
        file = folder.code / path
        file.parent.mkdir(parents=True, exist_ok=True)

        def is_younger() -> bool:
            file.write_bytes(data)
            return file.stat().st_ctime_ns > folder.begun.stat().st_ctime_ns

        wait_until(is_younger, what="the file system's clock goes on")
        return self.far(folder, path)

    def far(self, folder: RunFolder, path: str) -> FarFile:
        return of_run(self.store, folder.task_id, 1, path, self.name)

    def artifact(self, name: str, data: bytes, *, task_id: str = "") -> tuple[str, Artifact]:
        """The task and the record of an uploaded artifact, on the machine HOST."""
        task_id = task_id or begin(self.store, worker=self.name)
        file = self.home.path / f"{quoted(name, longest=50)}.bin"
        file.write_bytes(data)
        upload = Upload(file=file, place=str(self.home.storage), kind="artifact", name=name)
        placed = replace(bring(upload, self.store.read(task_id)), machine=self.host)
        record = Artifact(name=name, type="file", size_bytes=len(data), digest=sha256_of(file))
        event = ArtifactAdded(artifact=record).placed(placed)
        self.store.edit(task_id, event)
        return task_id, event.artifact

    def sample(self, title: str, series: str, iteration: int, data: bytes, task_id: str) -> Sample:
        """A sample of the task that was uploaded, on the machine HOST."""
        file = self.home.path / f"{hashlib.sha256(data).hexdigest()}-{iteration}.png"
        file.write_bytes(data)
        sample = Sample(
            title=title,
            series=series,
            iteration=iteration,
            at=float(iteration),
            history=100,
            digest=sha256_of(file),
            size_bytes=len(data),
            file=str(file),
        )
        upload = sample.upload()
        assert upload is not None
        record = self.store.read(task_id)
        placed = bring(replace(upload, place=str(self.home.storage)), record)
        event = sample.placed(replace(placed, machine=self.host))
        self.store.edit(task_id, event)
        return event


def begun(far: Far, file: FarFile) -> Transfer:
    """A transfer of a file, of which nothing is known."""
    store, (agent,) = reachable(far.store, "", "", far.name)
    return Transfer(store, agent, file.wanted, file.called, lambda _: "")


@contextmanager
def far_machine(folder: Path, url: str, name: str = AGENT) -> Iterator[Far]:
    """Serves inside the block; nobody waits in Redis for long, so that it ends at once."""
    with patch("elsewhere.store.relay.WAIT_S", 0.1):
        yield from _serving(folder, url, name)


def _serving(folder: Path, url: str, name: str) -> Iterator[Far]:
    far = Far(Home(folder).ensure(), url, name)
    far.start()
    try:
        yield far
    finally:
        far.stop()
        far.registration._redis.close()
        far.store.close()
