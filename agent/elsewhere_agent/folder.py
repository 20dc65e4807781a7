"""The folder of one agent on this machine, and the lock of the one daemon with its name.

<home>/agents/<name>/
├── lock         held by the daemon as long as it lives; its content identifies it
├── id           made once: differs from that of an agent of the same name elsewhere
├── mode         what its operator wants of it, if that is not to take tasks
├── mode.taken   the mode that its daemon heeds, unless another was asked for since
└── agent.log    of a detached daemon
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elsewhere.core.codec import decode, encode
from elsewhere.core.errors import RecordError
from elsewhere.core.folders import make_folder, read_json, write_beside
from elsewhere.core.process import ProcessIdentity
from elsewhere_agent.errors import AlreadyRunningError
from elsewhere_worker.intake import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from elsewhere.core.folders import Home


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AgentFolder:
    """The folder of one agent, as the module describes it."""

    path: Path

    @classmethod
    def of(cls, home: Home, name: str) -> AgentFolder:
        return cls(home.agents / name)

    @classmethod
    def all_in(cls, home: Home) -> list[AgentFolder]:
        """The folders of all agents that ever ran with this home."""
        return [cls(path.parent) for path in sorted(home.agents.glob("*/lock"))]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def log(self) -> Path:
        return self.path / "agent.log"

    @property
    def _mode(self) -> Path:
        return self.path / "mode"

    @property
    def _taken(self) -> Path:
        return self.path / "mode.taken"

    def mode(self) -> Mode:
        """The mode that was asked for last."""
        try:
            return Mode(read_json(self._mode) or Mode.WORKING)
        except (RecordError, ValueError) as error:
            logger.warning("%s is not heeded. %s", self._mode, error)
            return Mode.WORKING

    def ask(self, mode: Mode) -> None:
        """Notes the `mode` for the daemon that runs, or for the next one. Raises OSError."""
        if mode is not self.mode():
            self._taken.unlink(missing_ok=True)
        if mode is Mode.WORKING:
            self._mode.unlink(missing_ok=True)
        else:
            write_beside(self._mode, mode.value)

    def note_taken(self, mode: Mode) -> None:
        """Notes that the daemon heeds `mode` from now on."""
        if not self.has_taken(mode):
            try:
                write_beside(self._taken, mode.value)
            except OSError as error:
                logger.warning(
                    "who waits for it does not learn that it is %s: %s", mode.value, error
                )

    def has_taken(self, mode: Mode) -> bool:
        """Whether the daemon heeds `mode`, so that no task begins against it."""
        with suppress(RecordError):
            return self.mode() is mode and read_json(self._taken) == mode.value
        return False

    def create(self) -> AgentFolder:
        """Makes the folder, closed to others. May be called twice."""
        make_folder(self.path)
        return self

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the lock: inside it, this process is the agent. Raises AlreadyRunningError at once.

        The file stays, since a lock belongs to the file and not to its name; however the process
        ends, the lock ends with it.
        """
        self.create()
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                daemon = self.daemon()
                who = f"process {daemon.pid}" if daemon else "a process that is just starting"
                raise AlreadyRunningError(
                    f"An agent named {self.name!r} already runs on this machine: {who}. Stop it"
                    f" with 'agent stop --name {self.name}', or give this one another name with"
                    " --name."
                ) from error
            with _named(self.lock):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, encode(ProcessIdentity.of()).encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def daemon(self) -> ProcessIdentity | None:
        """The daemon that runs now."""
        try:
            found = decode(ProcessIdentity, self.lock.read_bytes())
        except (FileNotFoundError, RecordError):
            return None
        return found if found.is_alive() else None

    def id(self) -> str:
        """The id of the agent, the same for every process: the first caller makes it."""
        path = self.path / "id"
        if not path.exists():
            made = secrets.token_hex(16)
            beside = path.with_name(f".id.{made}")
            with _named(path):
                beside.touch(mode=0o600)
                beside.write_text(made, encoding="ascii")
            with suppress(FileExistsError):  # another process made it meanwhile
                path.hardlink_to(beside)
            beside.unlink()
        return path.read_text(encoding="ascii").strip()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Adds the file's name to an error of writing, which knows a descriptor only."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
