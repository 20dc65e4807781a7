"""An ssh server on this machine's loopback, for its own user, by keys alone."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import wait_until


@dataclass(frozen=True)
class SshServer:
    """`key` is the file of the private key that may enter, `known` the line of known_hosts."""

    port: int
    key: Path
    known: str

    def url(self, path: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"


def new_key(path: Path) -> Path:
    """Makes a private key at `path`, and its public one beside it."""
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(words, check=True)
    return path


@contextmanager
def serving_ssh(folder: Path, *, command: str = "") -> Iterator[SshServer]:
    """Runs sshd, with its files in `folder`; `command` runs in place of what a client asks for."""
    folder.mkdir()
    host, client = new_key(folder / "host"), new_key(folder / "client")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    forced = f'command="{command}" ' if command else ""
    (folder / "authorized").write_text(forced + client.with_suffix(".pub").read_text())
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it changes its root to that
    with subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "config")],
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_until(lambda: _answers(port), what="sshd answers")
            public = host.with_suffix(".pub").read_text()
            yield SshServer(port, client, f"[127.0.0.1]:{port} {public}")
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
