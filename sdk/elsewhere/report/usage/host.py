"""What a task's processes use of this host, one look at a time."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.clock import monotonic_s
from elsewhere.report.usage.cgroup import Cgroup
from elsewhere.report.usage.gpus import Gpus
from elsewhere.report.usage.machine import this_machine
from elsewhere.report.usage.process_tree import ProcessTree

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.core.machine_events import Machine

logger = logging.getLogger(__name__)

_GB: Final = 1024**3
_MB: Final = 1024**2
#: the chips that Linux names the sensors of processors by
_PROCESSORS: Final = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal")


class HostUse:
    """The use of the process `root` and all below it, without `with_root` only of those below.

    Where a container or a scheduler has set limits, processors and memory are those that these
    leave; with `own_limits` those are of the group of `root`, which may be another one than this
    process's. `visible` is as for `Gpus`, `python_exec` and `python_version` are the task's, and
    `top` is the folder that has `proc` and `sys`. Without psutil there are only the task's own
    memory and processor time, and GPUs.
    """

    def __init__(
        self,
        root: int,
        visible: Callable[[], str | None],
        *,
        with_root: bool = True,
        own_limits: bool = False,
        python_exec: str = sys.executable,
        python_version: str = "",
        top: Path = Path("/"),
    ) -> None:
        self._psutil = _psutil()
        self._tree = ProcessTree(root, with_root=with_root)
        self._cgroup = Cgroup(top, str(root) if own_limits else "self")
        self._gpus = Gpus(visible)
        self._python = (python_exec, python_version)
        self._capacity_s = 0.0
        self._at = monotonic_s()

    def usage(self) -> dict[str, float]:
        """One look. The names in `_s` are seconds of processors and those of `RATES` are MB, all
        from some beginning on: `Monitor` makes means of them. With `_of_machine` behind its name a
        memory is that of all processes. A value that this system does not report is left out."""
        use = self._tree.look()
        own = {"memory_used_gb": use.memory_bytes / _GB, "cpu_task_s": use.cpu_s} if use else {}
        return {
            **own,
            **self._memory(),
            **self._cpu(),
            **(_devices(self._psutil) if self._psutil else {}),
            **self._gpus.sample(use.pids if use else ()),
        }

    def machine(self) -> Machine:
        """The machine, with its GPUs as soon as their driver has answered."""
        return this_machine(self._cgroup, self._gpus.facts, *self._python)

    def close(self) -> None:
        """Ends what it has begun. May be called twice."""
        self._gpus.close()

    def _memory(self) -> dict[str, float]:
        if self._psutil is None:
            return {}
        memory, limit = self._psutil.virtual_memory(), self._cgroup.memory()
        free, used = memory.available, memory.total - memory.available
        if limit is not None:
            free, used = min(free, limit.limit_bytes - limit.used_bytes), limit.used_bytes
        return {"memory_free_gb": max(0, free) / _GB, "memory_used_gb_of_machine": used / _GB}

    def _cpu(self) -> dict[str, float]:
        limit = self._cgroup.cpu()
        if limit is not None:
            return {"cpu_busy_s": limit.used_s, "cpu_total_s": self._capacity(limit.cores)}
        if self._psutil is None:
            return {"cpu_total_s": self._capacity(os.cpu_count() or 1)}
        times = self._psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # The time of guests is already in that of their hosts.
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return {"cpu_busy_s": total - idle, "cpu_total_s": total}

    def _capacity(self, cores: float) -> float:
        """The seconds that processors could have worked, added up: a limit may change."""
        now = monotonic_s()
        self._capacity_s += (now - self._at) * cores
        self._at = now
        return self._capacity_s


#: counters that only grow; over an interval their growth is a mean rate
RATES: Final = ("network_tx_mbs", "network_rx_mbs", "io_read_mbs", "io_write_mbs")


def _psutil() -> Any:
    """The module; None, with a warning, without it.

    It is imported here, in the program's thread: a fork in the middle of another thread's import
    would leave the child with that module locked for ever.
    """
    try:
        import psutil  # noqa: PLC0415 - weight: 15 ms, and the base installation has none
    except ImportError:
        logger.warning(
            "Of this machine's use only the task's memory and processor time, and GPUs, are"
            " recorded: install elsewhere[resources], or psutil alone, for the rest."
        )
        return None
    return psutil


def _devices(psutil: Any) -> dict[str, float]:
    """The use of what has no limits. With `nowrap` psutil takes a lock, which a fork would leave
    locked in the child."""
    values = {}
    with suppress(OSError):
        values["disk_free_percent"] = 100.0 - psutil.disk_usage(str(Path.home())).percent
    with suppress(OSError):
        counters = psutil.net_io_counters(pernic=True, nowrap=False)
        cards = [card for name, card in counters.items() if name != "lo"]
        values["network_tx_mbs"] = sum(card.bytes_sent for card in cards) / _MB
        values["network_rx_mbs"] = sum(card.bytes_recv for card in cards) / _MB
    with suppress(OSError, RuntimeError, NotImplementedError):
        if disks := psutil.disk_io_counters(nowrap=False):
            values["io_read_mbs"] = disks.read_bytes / _MB
            values["io_write_mbs"] = disks.write_bytes / _MB
    with suppress(OSError, AttributeError):  # macOS has no such function
        sensors = psutil.sensors_temperatures()
        found = [one.current for chip in _PROCESSORS for one in sensors.get(chip, ())]
        if found:
            values["cpu_temperature"] = max(found)
    return values
