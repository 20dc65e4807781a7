"""The processes of a task: their memory and the seconds of processor that they have used."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from elsewhere.core.clock import monotonic_s
from elsewhere.core.frozen import dataclass
from elsewhere.core.other_processes import children_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC: Final = Path("/proc")
#: the share of the time that may go into what is slow on large trees and large memories: the
#: search for processes (10 us a thread) and PSS, for which the kernel walks the pages (23 ms a GB)
_SHARE: Final = 0.005
#: seconds of it that may be saved up: they go at once
_SAVED_S: Final = 0.02


class TreeUse(NamedTuple):
    """`pids` of the processes, their `memory_bytes` together, and `cpu_s`, which only grows while
    no process ends that nobody waits for."""

    pids: frozenset[int]
    memory_bytes: float
    cpu_s: float


class ProcessTree:
    """The process `root` and all below it; without `with_root` only those below.

    Memory is PSS, in which a page that n processes share counts as 1/n for each. As that is read
    seldom, memory is RSS now without what others bore of it then, RSS - PSS; before the first
    reading, and for a process whose PSS may not be read, without all that could be shared.
    """

    def __init__(self, root: int, *, with_root: bool = True) -> None:
        self._root = root
        self._with_root = with_root
        self._pids: list[int] | None = None
        self._borne: dict[int, _Borne] = {}
        self._allowance = _Allowance()

    def look(self) -> TreeUse | None:
        """The use now. A process that cannot be looked at uses nothing; None where none can."""
        if not (_PROC / "self").exists():
            return _by_psutil(self._root, with_root=self._with_root)
        if self._pids is None or self._allowance.is_left:
            with self._allowance.spending():
                self._pids = list(_below(self._root))
        found = {pid: stat for pid in (self._root, *self._pids) if (stat := _Stat.of(pid))}
        root = found.get(self._root)
        cpu_s = sum(stat.cpu_s + stat.waited_s for stat in found.values())
        if root is not None and not self._with_root:
            cpu_s -= root.cpu_s  # what it has waited for are processes of the tree that have ended
            del found[self._root]
        return TreeUse(frozenset(found), self._memory_bytes(found), cpu_s)

    def _memory_bytes(self, found: dict[int, _Stat]) -> float:
        known = self._borne
        self._borne = {
            pid: borne
            for pid, stat in found.items()
            if (borne := known.get(pid)) and borne.started == stat.started
        }
        read_at = {pid: borne.read_at for pid, borne in self._borne.items()}
        for pid in sorted(found, key=lambda pid: read_at.get(pid, 0.0)):
            if self._allowance.is_left:
                with self._allowance.spending():
                    self._borne[pid] = _Borne.read(pid, found[pid])
        return sum(self._own_bytes(pid, stat) for pid, stat in found.items())

    def _own_bytes(self, pid: int, stat: _Stat) -> int:
        borne = self._borne.get(pid)
        others_bytes = borne.size_bytes if borne else None
        if others_bytes is None:
            others_bytes = _shareable_bytes(pid)
        return max(0, stat.rss_bytes - others_bytes)


@dataclass(frozen=True, slots=True)
class _Stat:
    """A line of /proc/<pid>/stat. `waited_s`: the processor time of the children, and theirs, that
    have ended and were waited for."""

    started: int
    cpu_s: float
    waited_s: float
    rss_bytes: int

    @classmethod
    def of(cls, pid: int) -> _Stat | None:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - many in a short time
                words = file.read().rpartition(b")")[2].split()
        except OSError:
            return None
        user, system, waited_user, waited_system = map(int, words[11:15])
        return cls(
            started=int(words[19]),
            cpu_s=(user + system) / _TICKS,
            waited_s=(waited_user + waited_system) / _TICKS,
            rss_bytes=int(words[21]) * _PAGE_BYTES,
        )


@dataclass(frozen=True, slots=True)
class _Borne:
    """What others bore of the RSS of the process that `started` then, at `read_at`; None where its
    PSS may not be read."""

    started: int
    read_at: float
    size_bytes: int | None

    @classmethod
    def read(cls, pid: int, stat: _Stat) -> _Borne:
        pss_bytes = _pss_bytes(pid)
        size_bytes = None if pss_bytes is None else max(0, stat.rss_bytes - pss_bytes)
        return cls(stat.started, monotonic_s(), size_bytes)


class _Allowance:
    """Seconds of processor that may be spent, so that what is slow costs `_SHARE` of the time."""

    def __init__(self) -> None:
        self._left_s = _SAVED_S
        self._at = monotonic_s()

    @property
    def is_left(self) -> bool:
        now = monotonic_s()
        self._left_s = min(_SAVED_S, self._left_s + (now - self._at) * _SHARE)
        self._at = now
        return self._left_s > 0

    @contextmanager
    def spending(self) -> Iterator[None]:
        began_s = time.thread_time()
        yield
        self._left_s -= time.thread_time() - began_s


_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def _below(root: int) -> Iterator[int]:
    """Yields the processes below `root`, each once."""
    waiting, seen = [root], {root}
    while waiting:
        new = set(_children(waiting.pop())) - seen
        seen |= new
        waiting += new
        yield from new


def _children(pid: int) -> list[int]:
    """The children of a process: each of its threads may have some. Most machines have far more
    processes than the tree has threads."""
    threads = _PROC / str(pid) / "task"
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(threads):  # noqa: PTH208 - many in a short time
            try:
                with open(f"{threads}/{thread}/{_CHILDREN}", "rb") as file:  # noqa: PTH123
                    found += map(int, file.read().split())
            except FileNotFoundError:
                if not _HAS_CHILDREN:
                    return children_of(pid)
    return found


_CHILDREN: Final = "children"
#: whether the kernel lists them (CONFIG_PROC_CHILDREN), as those of all large distributions do
_HAS_CHILDREN: Final = Path(f"/proc/self/task/{os.getpid()}/{_CHILDREN}").exists()


def _pss_bytes(pid: int) -> int | None:
    """The PSS of a process; None where it may not be read, or the kernel does not sum it up."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_bytes().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(b"Pss:")), None)


def _shareable_bytes(pid: int) -> int:
    """What of a process's RSS files and shared memory hold."""
    try:
        return int((_PROC / str(pid) / "statm").read_bytes().split()[2]) * _PAGE_BYTES
    except OSError:
        return 0


def _by_psutil(root: int, *, with_root: bool) -> TreeUse | None:
    """The use on a system without /proc: shared memory counts for each of its processes."""
    try:
        import psutil  # noqa: PLC0415 - weight
    except ImportError:
        return None
    pids, memory_bytes, cpu_s = set(), 0, 0.0
    with suppress(psutil.Error):
        process = psutil.Process(root)
        for one in (*process.children(recursive=True), *([process] if with_root else [])):
            with suppress(psutil.Error):
                memory_bytes += one.memory_info().rss
                cpu_s += sum(one.cpu_times()[:2])
                pids.add(one.pid)
    return TreeUse(frozenset(pids), memory_bytes, cpu_s)
