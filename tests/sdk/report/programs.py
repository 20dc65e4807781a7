"""Programs whose console is copied, and the terminal at which they run."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

_BEGIN = """
import ctypes, os, subprocess, sys, threading, time
from pathlib import Path
from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.report.console import Console
console = Console(Path(sys.argv[1]), ("stdout", "stderr"), KnownSecrets.of_this_process())
def raw(text, to=1):
    os.write(to, text.encode())
"""


class Programs:
    """Starts programs that copy their output to `output`."""

    def __init__(self, folder: Path) -> None:
        self.output = folder / "output.log"
        self._script = folder / "program.py"

    def command(self, code: str) -> list[str]:
        self._script.write_text(_BEGIN + dedent(code))
        return [sys.executable, str(self._script), str(self.output)]

    def run(self, code: str, **how: object) -> subprocess.CompletedProcess[bytes]:
        """Runs `code` to its end, with both streams in one pipe."""
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **how}
        return subprocess.run(self.command(code), timeout=60, check=False, **how)  # type: ignore[call-overload,no-any-return]

    @property
    def copied(self) -> bytes:
        return self.output.read_bytes()

    def copiers(self) -> list[int]:
        """The processes that copy to `output`."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if str(self.output).encode() in words and words[1:2] == [b"-I"]:
                    found.append(int(path.parent.name))
        return found


class Terminal:
    """A terminal that is looked at from the other side."""

    def __init__(self, rows: int = 31, columns: int = 87) -> None:
        self.master, self.slave = os.openpty()
        self.resize(rows, columns)
        self.shown = b""

    def resize(self, rows: int, columns: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)

    def read_to_end(self) -> bytes:
        os.close(self.slave)
        with suppress(OSError):  # EIO: nobody has it open any more
            while block := os.read(self.master, 65536):
                self.shown += block
        os.close(self.master)
        return self.shown
