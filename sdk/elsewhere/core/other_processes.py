"""Other processes of this user on this machine: their parents, command lines and variables."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def command_line(pid: int) -> list[str]:
    """The words of the command line of the process `pid`; none where it cannot be read. Without
    /proc, as on macOS, a word with spaces is several."""
    if _has_proc():
        try:
            return os.fsdecode((_PROC / str(pid) / "cmdline").read_bytes()).split("\0")[:-1]
        except OSError:
            return []
    return _ps("command", pid).split()


def parent_of(pid: int) -> int:
    """The parent of the process `pid`; 0 where it is not known."""
    if _has_proc():
        try:
            stat = (_PROC / str(pid) / "stat").read_bytes()
        except OSError:
            return 0
        return int(stat.rpartition(b")")[2].split()[1])  # the name before it may have spaces
    return int(_ps("ppid", pid) or 0)


def variables_of(pid: int) -> dict[str, str] | None:
    """The environment that the process `pid` was started with; None where it cannot be read."""
    try:
        items = os.fsdecode((_PROC / str(pid) / "environ").read_bytes()).split("\0")
    except OSError:
        return None
    return dict(item.split("=", 1) for item in items if "=" in item)


def children_of(pid: int) -> list[int]:
    """The processes that the process `pid` has started and that still run."""
    if _has_proc():
        pids = (int(path.name) for path in _PROC.iterdir() if path.name.isdigit())
        return [one for one in pids if parent_of(one) == pid]
    pairs = (line.split() for line in _ps("pid,ppid").splitlines())
    return [int(one) for one, parent in pairs if int(parent) == pid]


def _has_proc() -> bool:
    return (_PROC / "self").exists()


def _ps(columns: str, pid: int | None = None) -> str:
    import subprocess  # noqa: PLC0415 - weight: only macOS has no /proc

    which = ["-x"] if pid is None else ["-p", str(pid)]
    shape = [word for column in columns.split(",") for word in ("-o", f"{column}=")]
    found = subprocess.run(
        ["/bin/ps", "-ww", *shape, *which], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()
