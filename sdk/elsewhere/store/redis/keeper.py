"""The embedded server's keeper: starts it, again when it dies, and ends it when nobody needs it.

    python -I -S keeper.py FOLDER SOCKET LOCK CHECK_EVERY_S IDLE_S KEYS SERVER ARGUMENT...

LOCK is the number of an inherited descriptor that keeper and server hold as long as they live. KEYS
are sorted sets, with commas between; while one has members the server is needed. The first process
returns at once; the keeper is its child, so that nobody has to wait for it.

It stays small beside the server for weeks: it imports nothing of ours, and little of Python's.
"""
# ruff: noqa: PTH105, PTH116, PTH118, PTH123 - pathlib would weigh more than all the rest

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time

#: restarts within a minute before it gives up: a server that dies at once will do so again
MAX_RESTARTS = 5
#: seconds that an orderly end of the server may take
END_LIMIT_S = 10.0
#: seconds that the server may take to reply to a look
ANSWER_LIMIT_S = 2.0


def main(arguments: list[str]) -> int:
    folder, address, lock, check_every, idle, keys, *command = arguments
    if os.fork():
        return 0
    keeper = Keeper(folder, int(lock), Look(address, keys.split(",")))
    keeper.check_every_s = float(check_every)
    keeper.idle_s = float(idle)
    return keeper.run(command)


class Keeper:
    check_every_s = 30.0
    idle_s = 600.0

    def __init__(self, folder: str, lock: int, look: Look) -> None:
        self._folder = folder
        self._lock = lock
        self._look = look
        self._idle_since = time.monotonic()
        self._must_end = False
        self._kill_at: float | None = None

    def run(self, command: list[str]) -> int:
        """Runs the server; returns the exit code: 0 when the server was ended on purpose."""
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes up, no more
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end_soon)

        starts: list[float] = []
        while True:
            starts = [at for at in starts if at > time.monotonic() - 60]
            if len(starts) > MAX_RESTARTS:
                log(f"the server died {len(starts)} times within a minute; it stays down")
                return 1
            starts.append(time.monotonic())
            try:
                server = os.posix_spawn(command[0], command, os.environ)
            except OSError as error:
                log(f"{command[0]} cannot be started: {error}")
                return 1
            self._write_identity(server)
            code = self._watch(server)
            if code == 0 or self._kill_at is not None:
                log("the server has ended on purpose, and so does its keeper")
                return 0
            log(f"the server, process {server}, died with exit code {code}; it is started again")

    def _end_soon(self, *_: object) -> None:
        self._must_end = True

    def _watch(self, server: int) -> int:
        """Waits until the server is gone; returns its exit code, or minus its signal."""
        next_check = time.monotonic() + self.check_every_s
        while True:
            gone, status = os.waitpid(server, os.WNOHANG)
            if gone:
                return os.waitstatus_to_exitcode(status)
            now = time.monotonic()
            if self._kill_at is None:
                if now >= next_check:
                    next_check = now + self.check_every_s
                    self._must_end = self._must_end or self._is_unneeded(now)
                if self._must_end:
                    os.kill(server, signal.SIGTERM)
                    self._kill_at = now + END_LIMIT_S
            elif now >= self._kill_at:
                log(f"the server, process {server}, did not end in {END_LIMIT_S:.0f} s; killed")
                os.kill(server, signal.SIGKILL)
                self._kill_at = now + END_LIMIT_S
            wait_until = next_check if self._kill_at is None else self._kill_at
            select.select([self._woken], [], [], max(0.0, wait_until - now))
            self._drain()

    def _drain(self) -> None:
        try:
            while os.read(self._woken, 512):
                pass
        except BlockingIOError:
            pass

    def _is_unneeded(self, now: float) -> bool:
        if self._is_folder_gone():
            log("the server's folder was removed, so nobody can find it; it ends")
            return True
        if not self._look.is_idle():
            self._idle_since = now
        elif now - self._idle_since >= self.idle_s:
            log(f"nobody used the server for {self.idle_s:.0f} s; it ends")
            return True
        return False

    def _is_folder_gone(self) -> bool:
        try:
            return not os.path.samestat(
                os.stat(os.path.join(self._folder, "lock")), os.fstat(self._lock)
            )
        except OSError:
            return True

    def _write_identity(self, server: int) -> None:
        """Writes the identity in the form of `elsewhere.core.process`, not imported here."""
        path = os.path.join(self._folder, "keeper.json")
        started = read("/proc/self/stat").rpartition(")")[2].split()[19:20]
        boot = read("/proc/sys/kernel/random/boot_id").strip()
        try:
            with open(f"{path}.new", "w", encoding="ascii") as file:
                file.write(
                    f'{{"pid":{os.getpid()},"started":"{"".join(started)}","boot":"{boot}",'
                    f'"server_pid":{server}}}'
                )
            os.replace(f"{path}.new", path)
        except OSError as error:  # a full disk is no reason to leave the server alone
            log(f"{path} cannot be written: {error}")


class Look:
    """A look into the server, which gives each connection the next number."""

    def __init__(self, address: str, keys: list[str]) -> None:
        self._address = address
        self._ask = "".join(
            f"{line}\r\n" for line in ("CLIENT LIST", *(f"ZCARD {key}" for key in keys), "QUIT")
        ).encode()
        self._nothing = b":0\r\n" * len(keys) + b"+OK\r\n"
        self._last = 0

    def is_idle(self) -> bool:
        """Whether nobody is connected nor was since the last look, and no key has members."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(ANSWER_LIMIT_S)
                connection.connect(self._address)
                connection.sendall(self._ask)
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:
            return False
        clients, own, _ = answer.partition(b"\n\r\n")
        if clients.count(b"\nid=") != 1 or not own:
            return False
        number = int(clients.partition(b"\nid=")[2].split(b" ")[0])
        is_next, self._last = number == self._last + 1, number
        return is_next and answer.endswith(b"\r\n" + self._nothing)


def log(text: str) -> None:
    now = time.strftime("%d %b %Y %H:%M:%S")
    try:
        os.write(2, f"{os.getpid()}:K {now} {text}\n".encode())
    except OSError:  # a full disk
        return


def read(path: str) -> str:
    """Reads a file; empty where there is none: only Linux has /proc."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
