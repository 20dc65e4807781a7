"""The health endpoints: /healthz, /status.json and /metrics, on the loopback or a unix socket.

/healthz answers 200 while the threads of the daemon go round and 503 when one hangs. A store that
is away is no reason for a restart: that is in the other two.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import socket
import socketserver
import stat
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import ConfigurationError

if TYPE_CHECKING:
    from elsewhere_agent.vitals import Vitals

logger = logging.getLogger(__name__)

#: seconds that a client has for its request
_REQUEST_S: Final = 5.0
_TEXT: Final = "text/plain; charset=utf-8"


class Health(threading.Thread):
    """Serves the `vitals` at `place`: HOST:PORT, a port of 127.0.0.1, or the path of a socket.

    Raises ConfigurationError when it cannot be had.
    """

    def __init__(self, place: str, vitals: Vitals) -> None:
        super().__init__(name="health", daemon=True)
        self._path = Path(place) if place.startswith("/") else None
        try:
            self._server = _server(place)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"The health endpoints cannot be served at {place}: {error}. Set agent.health to"
                " another place."
            ) from error
        self._server.vitals = vitals
        logger.info("health: /healthz, /status.json and /metrics at %s", self.place)

    @property
    def place(self) -> str:
        """Where it is served: with the port that the system chose, where 0 was asked for."""
        if self._path is not None:
            return str(self._path)
        host, port = self._server.server_address[:2]
        return f"{host}:{port}"

    def run(self) -> None:
        self._server.serve_forever()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _server(place: str) -> Any:
    if place.startswith("/"):
        with suppress(FileNotFoundError):  # of a daemon that was killed
            if stat.S_ISSOCK(os.lstat(place).st_mode):
                Path(place).unlink()
        on_socket = _OnSocket(place, _Handler)
        Path(place).chmod(0o660)
        return on_socket
    host, _, port = place.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    kind = _OnTcp6 if ":" in host else _OnTcp
    server = kind((host, int(port)), _Handler)
    if not ipaddress.ip_address(str(server.server_address[0])).is_loopback:
        logger.warning("health: %s can be read by everybody who reaches this machine", place)
    return server


class _OnTcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _OnTcp6(_OnTcp):
    address_family = socket.AF_INET6


class _OnSocket(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_S
    server_version = "elsewhere"
    sys_version = ""

    def do_GET(self) -> None:
        vitals: Vitals = self.server.vitals  # type: ignore[attr-defined]
        match self.path.partition("?")[0]:
            case "/healthz":
                hanging = vitals.hanging()
                status = HTTPStatus.SERVICE_UNAVAILABLE if hanging else HTTPStatus.OK
                self._answer(status, _TEXT, "\n".join(hanging or ["ok"]) + "\n")
            case "/status.json":
                text = json.dumps(vitals.plain(), ensure_ascii=False)
                self._answer(HTTPStatus.OK, "application/json", f"{text}\n")
            case "/metrics":
                from elsewhere_agent.metrics import metrics  # noqa: PLC0415 - weight

                kind = "text/plain; version=0.0.4; charset=utf-8"
                self._answer(HTTPStatus.OK, kind, metrics(vitals).decode())
            case _:
                text = "There are /healthz, /status.json and /metrics.\n"
                self._answer(HTTPStatus.NOT_FOUND, _TEXT, text)

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # the client has gone
            self.wfile.write(body)

    def address_string(self) -> str:  # a unix socket's client has none
        return ""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name
        logger.debug(f"health: {format}", *arguments)  # noqa: G004 - a format of http.server
