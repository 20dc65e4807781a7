"""A way to a Redis that is as slow, and breaks as often, as a test wants."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from typing_extensions import Self

_PIECE: Final = 1 << 20


class RedisProxy:
    """Passes requests on to the unix socket `server` and answers back, from one of its own at
    `path`, which must be short. Used as a context manager it runs inside the block."""

    def __init__(self, path: Path, server: Path) -> None:
        self.url = f"unix://{path}"
        #: seconds that each request waits
        self.delay_s = 0.0
        #: requests that were passed on
        self.passed = 0
        #: each so many requests one is passed on and its connection ends; 0 for never
        self.breaks_every = 0
        #: connections that ended so
        self.broken = 0
        self._server = server
        self._is_open = threading.Event()
        self._is_over = threading.Event()
        self._is_open.set()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._sockets = [self._listening]
        self._threads: list[threading.Thread] = []

    def hold(self) -> None:
        """Passes on nothing until `go_on`."""
        self._is_open.clear()

    def go_on(self) -> None:
        """Passes on everything, at once."""
        self.delay_s = 0.0
        self._is_open.set()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._is_open.set()
        for one in list(self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(timeout=20)
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            self._sockets += [client, server]
            try:
                server.connect(str(self._server))
            except OSError:
                client.shutdown(socket.SHUT_RDWR)
                continue
            self._start(self._pass_on, client, server, True)
            self._start(self._pass_on, server, client, False)

    def _pass_on(self, source: socket.socket, target: socket.socket, is_request: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if is_request:
                    self._is_over.wait(self.delay_s)
                    self._is_open.wait()
                    self.passed += 1
                target.sendall(piece)
                if is_request and self.breaks_every and self.passed % self.breaks_every == 0:
                    self.broken += 1
                    break
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _start(self, run: object, *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()
