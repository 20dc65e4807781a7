"""A git server on this machine's loopback: the repositories in a folder, over HTTP or, for who has
the password, over HTTPS; with what git LFS tracks in them."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Login:
    user: str
    password: str

    @property
    def header(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class _Handler(BaseHTTPRequestHandler):
    """Answers with what `git http-backend` prints, and a batch of LFS by itself: it hands out what
    lies in the repository's folder `lfs`."""

    def __init__(self, folder: Path, login: Login | None, *arguments: Any) -> None:
        self._folder = folder
        self._login = login
        super().__init__(*arguments)

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._login is not None and self.headers.get("Authorization") != self._login.header:
            self._answer(401, b"", {"WWW-Authenticate": 'Basic realm="git"'})
        elif path.endswith("/info/lfs/objects/batch"):
            self._answer_batch(path.removesuffix("/info/lfs/objects/batch"), json.loads(body))
        elif "/lfs/" in path:
            self._answer(200, (self._folder / path.lstrip("/")).read_bytes(), {})
        else:
            self._answer_git(path, query, body)

    def _answer_batch(self, repository: str, asked: dict[str, Any]) -> None:
        objects = [
            {**one, "actions": {"download": {"href": self._href(repository, one["oid"])}}}
            for one in asked["objects"]
        ]
        content = json.dumps({"transfer": "basic", "objects": objects}).encode()
        self._answer(200, content, {"Content-Type": "application/vnd.git-lfs+json"})

    def _href(self, repository: str, oid: str) -> str:
        scheme = "http" if self._login is None else "https"
        place = f"{repository}/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}"
        return f"{scheme}://{self.headers['Host']}{place}"

    def _answer_git(self, path: str, query: str, body: bytes) -> None:
        variables = {
            "GIT_PROJECT_ROOT": str(self._folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        ended = subprocess.run(
            ["git", "http-backend"],
            env={**os.environ, **variables},
            input=body,
            capture_output=True,
            check=True,
        )
        head, _, content = ended.stdout.partition(b"\r\n\r\n")
        headers = message_from_bytes(head)
        status = int(headers.get("Status", "200").split()[0])
        self._answer(status, content, {"Content-Type": headers["Content-Type"]})

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - as its base class calls it

    def log_message(self, *_: object) -> None: ...


@contextmanager
def serving_git(
    folder: Path, login: Login | None = None, certificate: Path | None = None
) -> Iterator[str]:
    """Serves the repositories in `folder`, and gives the URL of that. With a `login` over HTTPS;
    `certificate` is where that of the server is put, for `GIT_SSL_CAINFO`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, folder, login)) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, _certify(certificate))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            scheme = "http" if certificate is None else "https"
            yield f"{scheme}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _certify(certificate: Path) -> Path:
    """Makes a certificate of this machine's loopback. Returns the file of its key."""
    key = certificate.with_suffix(".key")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-subj", "/CN=127.0.0.1", "-addext"),
            *("subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return key
