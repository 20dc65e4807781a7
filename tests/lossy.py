"""A way to a server on which answers are lost with the connection."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.redis_server import RedisServer


class Lossy:
    """Loses the answers that `lose` names; `lost` counts them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.lost = 0
        self._words: list[bytes] = []
        self._when_lost: Callable[[], object] = lambda: None

    def lose(self, *words: bytes, when_lost: Callable[[], object] = lambda: None) -> None:
        """The answers to the next requests that hold these words, in this order, get lost;
        `when_lost` is called before the connection ends."""
        self._words += words
        self._when_lost = when_lost

    def carry(self, client: socket.socket, server: socket.socket) -> None:
        """Carries bytes both ways until one side ends, or an answer gets lost."""
        with client, server, selectors.DefaultSelector() as both:
            both.register(client, selectors.EVENT_READ)
            both.register(server, selectors.EVENT_READ)
            is_losing = False
            while True:
                for key, _ in both.select():
                    data = client.recv(1 << 20) if key.fileobj is client else server.recv(1 << 20)
                    if not data:
                        return
                    if key.fileobj is client:
                        if self._words and self._words[0] in data:
                            self._words.pop(0)
                            is_losing = True
                        server.sendall(data)
                    elif is_losing:
                        self.lost += 1
                        self._when_lost()
                        return
                    else:
                        client.sendall(data)


@contextmanager
def lossy(folder: Path, server: RedisServer) -> Iterator[Lossy]:
    """A way to `server` by a socket in `folder`, for clients that wait for their answers."""
    path = folder / "lossy.sock"
    way = Lossy(f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:  # closed
                    return
                there = socket.socket(socket.AF_UNIX)
                there.connect(str(server.socket))
                threading.Thread(target=way.carry, args=(client, there), daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield way
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
