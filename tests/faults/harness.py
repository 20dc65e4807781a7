"""Machines whose agents are killed, frozen and cut off, and tasks that leave traces behind."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import psutil

from elsewhere.capture.loose import LooseFile, as_patch, tree_of
from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.core.folders import Home, RunFolder, read_record
from elsewhere.core.names import new_id
from elsewhere.core.notes import read_runner
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import Environment, Source, TaskRecord, TaskState
from elsewhere.store.agents import registered_agents
from elsewhere.store.queues import DEFAULT_QUEUE, Queues
from elsewhere.store.redis.store import RedisStore
from elsewhere_sandbox.tree import marked
from tests.waiting import wait_until

#: seconds for what takes a second on a quiet machine; the tests share two cores
PATIENCE_S: Final = 30.0
#: seconds of a lease: a fifteenth of the real one
LEASE_S: Final = 3.0
#: seconds between SIGTERM and SIGKILL for a program that is stopped
GRACE_S: Final = 1.0

PROGRAMS: Final = Path(__file__).with_name("programs")
_FAULTY: Final = Path(__file__).with_name("agent_process.py")
#: set for an agent and so for its runners, but not for their programs
_MACHINE: Final = "FAULTS_MACHINE"


@dataclass
class Agent:
    """A daemon as a process."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=PATIENCE_S)

    def end(self, within_s: float = 10) -> None:
        """As an operator does for an upgrade. It must obey within the five seconds of row 2, here
        with some room for other tests."""
        self.process.terminate()
        assert self.process.wait(timeout=within_s) == 0, self.log.read_text()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def wait_until_killed(self) -> None:
        """Its fault has come."""
        assert self.process.wait(timeout=PATIENCE_S) == -signal.SIGKILL, self.log.read_text()


@dataclass
class Machine:
    """A home and the agents in it. `close` leaves nothing of it running, and shows the logs."""

    home: Home
    url: str
    environments: Path
    variables: dict[str, str] = field(default_factory=dict)
    agents: list[Agent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.ensure()
        if not self.home.environments.exists():  # else it was given to another machine before
            self.home.environments.symlink_to(self.environments)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ELSEWHERE_HOME": str(self.home.path),
            "ELSEWHERE_REDIS_URL": self.url,
            "ELSEWHERE_LEASE_S": str(LEASE_S),
            "ELSEWHERE_STOP_GRACE_S": str(GRACE_S),
            _MACHINE: str(self.home.path),
            **self.variables,
        }

    def start(
        self,
        name: str = "ada",
        *,
        slots: int = 1,
        queues: Sequence[str] = (DEFAULT_QUEUE,),
        fault: str = "",
        wrapper: Sequence[str] = (),
    ) -> Agent:
        """Does not wait: a task waits for its agent. `wrapper` is a command that becomes it."""
        command = [str(Path(sys.executable).with_name("agent"))]
        if fault:
            command = [sys.executable, str(_FAULTY), fault]
        command = [*wrapper, *command, "daemon", "--slots", str(slots), "--name", name]
        for queue in queues:
            command += ["--queue", queue]
        log = self.home.path / f"{name}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        agent = Agent(process, log)
        self.agents.append(agent)
        return agent

    def start_registered(self, store: RedisStore, name: str = "ada", *, slots: int = 1) -> Agent:
        """Waits until others see it."""
        agent = self.start(name, slots=slots)
        wait_until(
            lambda: agent.process.pid in {found.pid for found in registered_agents(store.redis)},
            within_s=PATIENCE_S,
            what=f"the agent {name} is registered",
        )
        return agent

    def folder(self, task_id: str, attempt: int = 1) -> RunFolder:
        return self.home.run(task_id, attempt)

    def runner(self, task_id: str, attempt: int = 1) -> ProcessIdentity:
        return self._identity(self.folder(task_id, attempt).runner)

    def program(self, task_id: str, attempt: int = 1) -> ProcessIdentity:
        return self._identity(self.folder(task_id, attempt).child)

    def crash(self) -> None:
        """All of it ends at once: agents, runners, programs. Its disk stays."""
        left = marked(_MACHINE, str(self.home.path))
        for folder in RunFolder.all_in(self.home.runs):
            left += _of(folder)
        for process in left:
            _kill(process)
        psutil.wait_procs(left, timeout=5)
        for agent in self.agents:
            agent.process.wait(timeout=PATIENCE_S)

    def wait_until_quiet(self, task_id: str, attempt: int = 1) -> None:
        """No process of the attempt is left, neither its runner nor its program's tree."""
        folder = self.folder(task_id, attempt)

        def is_quiet() -> bool:
            runner = read_runner(folder)
            return not (runner and runner.is_alive()) and not _of(folder)

        wait_until(is_quiet, within_s=10, what=f"no process of {folder.path.name} is left")

    def close(self) -> None:
        self.crash()
        for log in {agent.log for agent in self.agents}:
            print(f"{log}:\n{log.read_text()}")

    @staticmethod
    def _identity(path: Path) -> ProcessIdentity:
        wait_until(path.exists, within_s=PATIENCE_S, what=f"there is {path}")
        identity = read_record(ProcessIdentity, path)
        assert identity is not None
        return identity


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _of(folder: RunFolder) -> list[psutil.Process]:
    found = marked("ELSEWHERE_RUN_FOLDER", str(folder.path))
    return [process for process in found if process.is_running()]


@dataclass
class Probe:
    """A task, and the folder in which its program leaves traces."""

    id: str
    folder: Path
    store: RedisStore

    def let_go(self) -> None:
        (self.folder / "go").touch()

    @property
    def state(self) -> TaskState:
        return self.store.state(self.id)

    @property
    def starts(self) -> list[int]:
        """The attempts in which the program was started, in order."""
        try:
            lines = (self.folder / "starts").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [int(line.split()[1]) for line in lines]

    def printed(self, attempt: int = 1) -> bytes:
        try:
            return (self.folder / f"printed.{attempt}").read_bytes()
        except FileNotFoundError:
            return b""

    def wait_until_printing(self, attempt: int = 1) -> None:
        """From now on: it prints, and what it prints comes out."""
        before = len(self.printed(attempt))
        wait_until(
            lambda: len(self.printed(attempt)) > before,
            within_s=PATIENCE_S,
            what=f"attempt {attempt} of task {self.id} prints",
        )

    def wait_until_status(self, status: Status) -> None:
        def has_it() -> bool:
            assert self.state.status is status, self.state
            return True

        wait_until(has_it, within_s=PATIENCE_S, what=f"task {self.id} is {status}")

    def wait_until_ended(self, within_s: float = PATIENCE_S) -> TaskState:
        def has_ended() -> bool:
            assert self.state.status.is_final, self.state
            return True

        wait_until(has_ended, within_s=within_s, what=f"task {self.id} has ended")
        return self.state

    def assert_completed(self, machine: Machine, *, attempt: int = 1, starts: int = 1) -> None:
        """It has ended well, with everything that it printed stored, and nothing of it is left."""
        state = self.wait_until_ended()
        assert state.status is Status.COMPLETED, state
        assert state.outcome is not None
        assert state.outcome.reason is Reason.COMPLETED
        assert state.attempt == attempt
        assert self.starts == [attempt] * starts
        self.assert_exact(machine, attempt)
        machine.wait_until_quiet(self.id, attempt)

    def assert_exact(self, machine: Machine, attempt: int = 1, *, was_ended: bool = False) -> None:
        """What is stored is what lies in the machine's file, and holds what was printed whole.

        `was_ended`: by a signal, which may have come between a line and its trace.
        """
        stored = self.store.output(self.id, attempt=attempt, limit_bytes=1 << 30)
        assert stored.data == machine.folder(self.id, attempt).output.read_bytes()
        assert stored.pending == ""
        lines = [line for line in stored.data.splitlines(keepends=True) if line[:5] == b"line "]
        printed = self.printed(attempt).splitlines(keepends=True)
        assert lines[: len(printed)] == printed
        assert len(lines) - len(printed) <= was_ended

    def assert_scalars(self, *, was_ended: bool = False) -> None:
        """One point for each line, in order."""
        points = self.store.points(self.id, "curve", "square")
        count = len(self.printed(self.state.attempt).splitlines())
        if was_ended and len(points) == count - 1:
            count -= 1
        assert [(n, value) for n, _, value in points] == [(n, float(n**2)) for n in range(count)]
        (summary,) = [one for one in self.store.series(self.id) if one.title == "curve"]
        assert summary.count == count


@dataclass
class Script:
    """A script in a terminal."""

    process: subprocess.Popen[bytes]
    task: Probe
    folder: RunFolder

    def end(self) -> int:
        return self.process.wait(timeout=PATIENCE_S)


def send(
    store: RedisStore,
    folder: Path,
    program: str,
    *arguments: str,
    on_lost: OnLost = OnLost.END,
    setup: tuple[str, ...] = (),
    time_limit_s: float = 0.0,
    queue: str = DEFAULT_QUEUE,
) -> Probe:
    """A task in `queue` whose code is one of `programs`; `folder` is for its traces."""
    task_id = new_id()
    traces = folder / task_id
    traces.mkdir()
    content = (PROGRAMS / program).read_bytes()
    files = [LooseFile(path=program, mode="100644", content=content)]
    patch = as_patch(files)
    digest = hashlib.sha256(patch).hexdigest()
    store.put_blob(digest, patch)
    argv = (str(traces), *arguments)
    record = TaskRecord(
        id=task_id,
        name=program,
        project="Faults",
        source=Source(patch=digest, tree=tree_of(files), entry_point=program, argv=argv),
        environment=Environment(packages=(), setup=setup),
        on_lost=on_lost,
        time_limit_s=time_limit_s,
    )
    store.create(record)
    Queues(store).enqueue(task_id, queue)
    return Probe(task_id, traces, store)


class Proxy:
    """A way to a server that can be cut: its clients' connections end and no new one comes about.

    Used as a context manager it stands inside the block.
    """

    def __init__(self, socket_path: Path, server: Path) -> None:
        self._path, self._server = socket_path, server
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self.url = f"unix://{socket_path}"

    def mend(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._path))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        with self._lock:
            assert self._listener is not None
            self._path.unlink()
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            for one in self._open:
                _shut(one)
            self._open.clear()

    def __enter__(self) -> Self:
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        if self._listener is not None:
            self.cut()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # cut
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server))
            with self._lock:
                if self._listener is not listener:
                    _shut(client)
                    _shut(server)
                    return
                self._open += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=_carry, args=(source, target), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
    except OSError:  # cut
        pass
    _shut(target)
    source.close()


def _shut(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:  # the other side has gone before
        return
