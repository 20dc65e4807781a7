"""NVIDIA's devices, read through NVML by a thread of its own: a broken driver may block it."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.clock import monotonic_s
from elsewhere.core.frozen import dataclass
from elsewhere.core.process import at_fork
from elsewhere.report.usage.nvml import end, library, narrowed, parts, tried

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from elsewhere.report.usage.nvml import Device

logger = logging.getLogger(__name__)

#: seconds after which a call is taken for one that hangs: one that wakes a device takes some
_HANGS_S: Final = 30.0
#: seconds that a fork waits for a call that is under way
_FORK_S: Final = 0.5
#: seconds that `close` waits for the thread
_CLOSE_S: Final = 0.5
_GB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """What the task's devices are: the type and the memory of each, and the versions of the driver
    and of the newest CUDA that it runs."""

    types: tuple[str, ...] = ()
    memories_gb: tuple[float, ...] = ()
    driver_version: str = ""
    cuda_version: str = ""


class Gpus:
    """The devices that the task may use. `visible` gives CUDA_VISIBLE_DEVICES as it is now: None
    for all. Nothing here waits or raises; without NVIDIA's driver there are no devices."""

    def __init__(self, visible: Callable[[], str | None]) -> None:
        self.facts = GpuFacts()
        self._visible = visible
        self._pids: Collection[int] = ()
        self._found: dict[str, float] = {}
        self._asked = threading.Semaphore(0)
        self._asked_at: float | None = monotonic_s()  # for the first reading, of the facts
        self._is_closed = False
        self._has_warned = False
        self._be_idle()
        at_fork(before=self._await_idle, after_in_child=self._be_idle)
        self._thread = threading.Thread(target=self._run, name="elsewhere-gpus", daemon=True)
        self._thread.start()

    def sample(self, pids: Collection[int]) -> dict[str, float]:
        """What the thread has read since the last call, which asked it; `pids` are the processes of
        the task. What a device does not support is left out, and so is all while a call hangs."""
        if not self._thread.is_alive():
            return {}
        if self._asked_at is not None:
            if self._hangs:
                self._warn(f"their driver has not answered for {_HANGS_S:.0f} s")
            return {}
        found, self._found = self._found, {}
        self._pids, self._asked_at = pids, monotonic_s()
        self._asked.release()
        return found

    def close(self) -> None:
        """Ends the thread. May be called twice."""
        self._is_closed = True
        self._asked.release()
        if not self._hangs:
            self._thread.join(_CLOSE_S)

    @property
    def _hangs(self) -> bool:
        asked_at = self._asked_at
        return asked_at is not None and monotonic_s() - asked_at > _HANGS_S

    def _warn(self, problem: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning("Not all GPUs are monitored: %s.", problem.rstrip("."))

    # A fork in the middle of an import or of a call of NVML would leave the child with locks that
    # nobody gives back. So it waits, once for each call: one that hangs must not hold it up.

    def _be_idle(self) -> None:
        self._idle = threading.Event()
        self._idle.set()

    def _await_idle(self) -> None:
        if not self._idle.wait(_FORK_S):
            self._idle.set()

    def _run(self) -> None:
        try:
            self._idle.clear()
            nvml, is_begun = library(), False
            while nvml is not None and not self._is_closed:
                try:
                    if not is_begun:
                        nvml.nvmlInit()
                        is_begun = True
                    self._read(nvml)
                except nvml.NVMLError_DriverNotLoaded as error:
                    logger.debug("There are no GPUs: %s.", error)
                    return
                except nvml.NVMLError as error:
                    self._warn(str(error))
                    if is_begun:
                        end(nvml)
                    is_begun = False
                self._asked_at = None
                self._idle.set()
                self._asked.acquire()
                self._idle.clear()
            if is_begun:
                end(nvml)
        except Exception:  # the outermost seam of this thread: the program goes on
            logger.exception("GPUs are not monitored any more.")
        finally:
            self._idle.set()

    def _read(self, nvml: Any) -> None:
        devices = narrowed(list(self._devices(nvml)), self._visible())
        self.facts, pids = _facts(nvml, devices), self._pids
        found = (pair for device in devices for pair in _values(nvml, device, pids))
        self._found = dict(found) if pids else {}

    def _devices(self, nvml: Any) -> Iterator[Device]:
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                whole = nvml.nvmlDeviceGetHandleByIndex(index)
                yield from parts(nvml, index, whole, nvml.nvmlDeviceGetUUID(whole))
            except nvml.NVMLError as error:  # it has fallen off its bus, or belongs to others
                self._warn(f"device {index}: {error}")


def _values(nvml: Any, device: Device, pids: Collection[int]) -> Iterator[tuple[str, float]]:
    name, handle = device.name, device.handle
    rates = tried(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
    if rates is not None:
        yield f"{name}_utilization", rates.gpu
    memory = tried(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
    if memory is not None and memory.total:
        own_bytes = _own_bytes(nvml, handle, pids)
        yield f"{name}_mem_usage", 100.0 * memory.used / memory.total
        yield f"{name}_mem_free_gb", memory.free / _GB
        yield f"{name}_mem_used_gb", (memory.used if own_bytes is None else own_bytes) / _GB
        yield f"{name}_mem_used_gb_of_machine", memory.used / _GB
    celsius = tried(nvml, nvml.nvmlDeviceGetTemperature, device.whole, nvml.NVML_TEMPERATURE_GPU)
    if celsius is not None:
        yield f"gpu_{device.index}_temperature", celsius
    milliwatts = tried(nvml, nvml.nvmlDeviceGetPowerUsage, device.whole)
    if milliwatts is not None:
        yield f"gpu_{device.index}_power_draw", milliwatts / 1000


def _own_bytes(nvml: Any, handle: Any, pids: Collection[int]) -> int | None:
    """The device's memory that the processes `pids` use; None where NVML does not tell, or lists no
    process that can be seen from here, as in a container."""
    used: dict[int, int | None] = {}
    for ask in (
        nvml.nvmlDeviceGetComputeRunningProcesses,
        nvml.nvmlDeviceGetGraphicsRunningProcesses,
    ):
        used.update({one.pid: one.usedGpuMemory for one in tried(nvml, ask, handle) or ()})
    own = {pid: used[pid] for pid in used if pid in pids}
    if not own and not any(Path(f"/proc/{pid}").exists() for pid in used):
        return None
    known = [count_bytes for count_bytes in own.values() if count_bytes is not None]
    return sum(known) if len(known) == len(own) else None


def _facts(nvml: Any, devices: Sequence[Device]) -> GpuFacts:
    names = [tried(nvml, nvml.nvmlDeviceGetName, device.handle) for device in devices]
    memories = [tried(nvml, nvml.nvmlDeviceGetMemoryInfo, device.handle) for device in devices]
    cuda = tried(nvml, nvml.nvmlSystemGetCudaDriverVersion)
    return GpuFacts(
        types=tuple(name or "unknown" for name in names),
        memories_gb=tuple(round(one.total / _GB, 1) if one else 0.0 for one in memories),
        driver_version=tried(nvml, nvml.nvmlSystemGetDriverVersion) or "",
        cuda_version=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else "",
    )
