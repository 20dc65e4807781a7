"""A task's use of its machine: means over short intervals, of its memory the highest."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.clock import monotonic_s, now_at
from elsewhere.core.events import MONITOR, Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from elsewhere.core.events import Event

logger = logging.getLogger(__name__)

#: the title under which the machine's values are reported
MACHINE: Final = f"{MONITOR}machine"
#: samples of an interval: enough to see a peak of memory, few enough to cost nothing
_SAMPLES: Final = 5
#: an interval shorter than this has no meaningful rates
_SHORTEST_S: Final = 0.05
#: seconds that `stop` waits for the last sample
_STOP_S: Final = 2.0
_GB: Final = 1024**3
_MB: Final = 1024**2

#: counters that only grow; over an interval their growth is a mean rate
_RATES: Final = ("network_tx_mbs", "network_rx_mbs", "io_read_mbs", "io_write_mbs")


def sample(roots: Iterable[int]) -> dict[str, float]:
    """One look: memory of the processes `roots` and all below them, and of the machine, now.

    `cpu_busy_s` and `cpu_total_s` are seconds of all processors since the boot, the names of
    `_RATES` are MB since then: `Monitor` makes means of both. A value that this system does not
    report is left out. Raises ImportError without psutil.
    """
    import psutil  # noqa: PLC0415 - weight: 15 ms, and the base installation has none

    values = {
        "memory_used_gb": _resident_bytes(roots) / _GB,
        "memory_free_gb": psutil.virtual_memory().available / _GB,
    }
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # The time of guests is already in that of their hosts.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    values.update(cpu_busy_s=total - idle, cpu_total_s=total)
    with suppress(OSError):
        values["disk_free_percent"] = 100.0 - psutil.disk_usage(str(Path.home())).percent
    with suppress(OSError):
        cards = [card for name, card in psutil.net_io_counters(pernic=True).items() if name != "lo"]
        values["network_tx_mbs"] = sum(card.bytes_sent for card in cards) / _MB
        values["network_rx_mbs"] = sum(card.bytes_recv for card in cards) / _MB
    with suppress(OSError, RuntimeError, NotImplementedError):
        if disks := psutil.disk_io_counters():
            values["io_read_mbs"] = disks.read_bytes / _MB
            values["io_write_mbs"] = disks.write_bytes / _MB
    return values


class Monitor:
    """Reports a Resources event about every `interval_s`, the first after `first_s`.

    `usage` gives a sample; by default that of this process and all below it. Without psutil it
    reports nothing.
    """

    def __init__(
        self,
        record: Callable[[Event], None],
        usage: Callable[[], dict[str, float]] = lambda: sample([os.getpid()]),
        *,
        interval_s: float = 10.0,
        first_s: float = 2.0,
    ) -> None:
        self._record = record
        self._usage = usage
        self._interval_s = interval_s
        self._first_s = min(first_s, interval_s)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        # Imported here and not in the thread: a fork in the middle of another thread's import would
        # leave the child with that module locked for ever.
        try:
            import psutil  # noqa: F401, PLC0415
        except ImportError:
            logger.debug("Resources are not monitored, since psutil is not installed.")
            return
        self._thread = threading.Thread(target=self._run, name="elsewhere-resources", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Reports the last interval and ends the thread. May be called twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        try:
            began_at = monotonic_s()
            last = self._usage()
            length_s = self._first_s
            is_over = False
            while not is_over:
                start_at = monotonic_s()
                samples = [last, *self._samples(length_s)]
                end_at = monotonic_s()
                event = Resources(
                    title=MACHINE,
                    values=_means(samples, end_at - start_at),
                    at=now_at(),
                    elapsed_s=end_at - began_at,
                )
                self._record(event)
                last = samples[-1]
                is_over = self._stopping.is_set()
                length_s = self._interval_s
        except Exception:  # the outermost seam of this thread: the program goes on
            logger.exception("Resources are not monitored any more.")

    def _samples(self, length_s: float) -> Iterator[dict[str, float]]:
        """Yields samples spread over one interval, a shorter one after `stop`."""
        for _ in range(_SAMPLES):
            is_last = self._stopping.wait(length_s / _SAMPLES)
            yield self._usage()
            if is_last:
                return


def _means(samples: list[dict[str, float]], seconds: float) -> dict[str, float]:
    first, last = samples[0], samples[-1]
    values = {"memory_used_gb": max(one["memory_used_gb"] for one in samples)}
    for name in ("memory_free_gb", "disk_free_percent"):
        if known := [one[name] for one in samples if name in one]:
            values[name] = sum(known) / len(known)
    if seconds >= _SHORTEST_S:
        total_s = last["cpu_total_s"] - first["cpu_total_s"]
        busy_s = last["cpu_busy_s"] - first["cpu_busy_s"]
        if total_s > 0:
            values["cpu_usage"] = min(100.0, max(0.0, 100.0 * busy_s / total_s))
        for name in _RATES:
            if name in first and name in last:  # less than before: a card or a disk has gone
                values[name] = max(0.0, last[name] - first[name]) / seconds
    return {name: round(value, 3) for name, value in values.items()}


def _resident_bytes(roots: Iterable[int]) -> int:
    """Sums the memory of each process once; shared memory counts for each of them."""
    import psutil  # noqa: PLC0415 - weight

    tree = set()
    for root in roots:
        with suppress(psutil.Error):
            process = psutil.Process(root)
            tree.update({process, *process.children(recursive=True)})
    resident = 0
    for process in tree:
        with suppress(psutil.Error):
            resident += process.memory_info().rss
    return resident
