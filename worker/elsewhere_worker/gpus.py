"""The GPUs of this machine: NVIDIA's by NVML, or else AMD's by the files of its driver.

Whoever uses one that no attempt has is somebody else: the agent leaves it alone. A driver may
hang, so a thread of its own asks it.
"""

from __future__ import annotations

import itertools
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import ConfigurationError
from elsewhere.report.usage.nvml import end, library, parts, tried

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from elsewhere.report.usage.nvml import Device

logger = logging.getLogger(__name__)

#: seconds that the first answer may take: a driver that sleeps takes some to begin
_FIRST_S: Final = 15.0
#: seconds that any other may take
_ANSWER_S: Final = 2.0
#: memory that a device without a user has in use: its driver's own
_IDLE_BYTES: Final = 1 << 30
#: the same of AMD's driver, which counts only what processes have
_IDLE_AMD_BYTES: Final = 16 << 20
_KFD: Final = "sys/class/kfd/kfd"
#: the heaps of a device's own memory, as processors see it and not
_OWN_HEAPS: Final = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU, or a part of one (MIG). `id` is its UUID, for AMD as ROCR_VISIBLE_DEVICES takes it;
    `place` is its number, as `0`, for a part `0:1`."""

    id: str
    place: str
    memory_bytes: int
    is_used: bool

    def is_called(self, word: str) -> bool:
        """Whether `word` names it: its number, that of the whole device, or how its id begins."""
        return word in (self.place, self.place.partition(":")[0]) or (
            len(word) > len("GPU-") and self.id.startswith(word)
        )


class Gpus:
    """Those GPUs that an agent may give out: `wanted` is `all`, which are those that the agent may
    see itself (`visible`, its CUDA_VISIBLE_DEVICES), `none`, or names of some. With `shares_used`
    those that others use, too. `top` is the folder that has `dev` and `sys`. Raises
    ConfigurationError where there is none of a name."""

    def __init__(
        self,
        wanted: str = "all",
        *,
        visible: str | None = None,
        shares_used: bool = False,
        top: Path = Path("/"),
    ) -> None:
        self._shares_used = shares_used
        self._top = top
        self._nvml: Any = None
        self._found: list[Gpu] | None = None
        self._problem = ""
        self._asked = threading.Event()
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpus", daemon=True)
        #: ids of those that may be given out, with their memory in bytes
        self.devices: dict[str, int] = {}
        if wanted != "none":
            self._thread.start()
            found = self._look(_FIRST_S) or []
            chosen = _visible(found, visible) if wanted == "all" else _named(found, wanted)
            self.devices = {gpu.id: gpu.memory_bytes for gpu in chosen}

    def busy(self) -> Collection[str]:
        """The ids of those that must not be given out now: others use them, if they are in no
        attempt's slot, or they do not answer."""
        found = self._look(_ANSWER_S)
        usable = {gpu.id for gpu in found or () if self._shares_used or not gpu.is_used}
        return self.devices.keys() - usable

    def _look(self, limit_s: float) -> list[Gpu] | None:
        """What is there now; None if the driver does not answer, which is logged once."""
        self._answered.clear()
        self._asked.set()
        if not self._answered.wait(limit_s):
            self._warn(f"their driver has not answered for {limit_s:.0f} s")
            return None
        return self._found

    def _warn(self, problem: str) -> None:
        if problem and problem != self._problem:
            logger.warning("no GPU is given out: %s", problem.rstrip("."))
        elif self._problem and not problem:
            logger.info("the GPUs answer again")
        self._problem = problem

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            try:
                self._found = list(self._nvidia()) or list(_amd(self._top))
                self._warn("")
            except Exception as error:  # noqa: BLE001 - the outermost seam: a driver may do anything
                self._warn(f"{error!r:.200}")
                self._found = None
            self._answered.set()

    def _nvidia(self) -> Iterator[Gpu]:
        nvml = self._nvml or library()
        if nvml is None:
            return
        try:
            if self._nvml is None:
                nvml.nvmlInit()
                self._nvml = nvml
            for index in range(nvml.nvmlDeviceGetCount()):
                yield from _devices(nvml, index)
        except nvml.NVMLError_DriverNotLoaded as error:
            logger.debug("there are no GPUs of NVIDIA: %s", error)
        except nvml.NVMLError:
            end(nvml)
            self._nvml = None
            raise


def _visible(found: list[Gpu], visible: str | None) -> list[Gpu]:
    """Those that CUDA shows for `visible`: up to the first word that names none."""
    if visible is None:
        return found
    named = ([gpu for gpu in found if gpu.is_called(word.strip())] for word in visible.split(","))
    return [gpu for some in itertools.takewhile(bool, named) for gpu in some]


def _named(found: list[Gpu], wanted: str) -> list[Gpu]:
    chosen: list[Gpu] = []
    for word in filter(None, (one.strip() for one in wanted.split(","))):
        named = [gpu for gpu in found if gpu.is_called(word)]
        if not named:
            places = ", ".join(gpu.place for gpu in found) or "none"
            raise ConfigurationError(
                f"There is no GPU {word!r:.80} on this machine; known: {places}. Set --gpus to all,"
                " none, or to the numbers or ids of some."
            )
        chosen += named
    return chosen


def _devices(nvml: Any, index: int) -> Iterator[Gpu]:
    try:
        whole = nvml.nvmlDeviceGetHandleByIndex(index)
        for one in parts(nvml, index, whole, nvml.nvmlDeviceGetUUID(whole)):
            place = str(index) if one.part is None else f"{index}:{one.part}"
            memory = tried(nvml, nvml.nvmlDeviceGetMemoryInfo, one.handle)
            yield Gpu(
                id=one.uuid,
                place=place,
                memory_bytes=memory.total if memory else 0,
                is_used=_is_used(nvml, one, memory),
            )
    except nvml.NVMLError_DriverNotLoaded:
        raise
    except nvml.NVMLError as error:  # it has fallen off its bus, or belongs to others
        logger.debug("GPU %d: %s", index, error)


def _is_used(nvml: Any, device: Device, memory: Any) -> bool:
    """Whether programs compute on it, also in other containers, where only their memory is seen. A
    desktop that it shows does not count."""
    computing = tried(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, device.handle) or ()
    drawing = tried(nvml, nvml.nvmlDeviceGetGraphicsRunningProcesses, device.handle) or ()
    if {one.pid for one in computing} - {one.pid for one in drawing}:
        return True
    drawn_bytes = sum(one.usedGpuMemory or 0 for one in drawing)
    return memory is not None and memory.used - drawn_bytes > _IDLE_BYTES


def _amd(top: Path) -> Iterator[Gpu]:
    """AMD's devices, in the order of its numbers."""
    if not (top / "dev/kfd").exists():
        return
    nodes = (path for path in (top / _KFD / "topology/nodes").iterdir() if path.name.isdigit())
    index = 0
    for node in sorted(nodes, key=lambda path: int(path.name)):
        gpu_id = (node / "gpu_id").read_text().strip()
        if gpu_id == "0":  # a processor
            continue
        unique = _number(node / "properties", "unique_id")
        used = (top / _KFD / "proc").glob(f"*/vram_{gpu_id}")
        yield Gpu(
            id=f"GPU-{unique:016x}" if unique else str(index),
            place=str(index),
            memory_bytes=sum(map(_bytes_of, node.glob("mem_banks/*/properties"))),
            is_used=sum(int(path.read_text()) for path in used) > _IDLE_AMD_BYTES,
        )
        index += 1


def _bytes_of(bank: Path) -> int:
    """The size of a bank of memory that is the device's own."""
    return _number(bank, "size_in_bytes") if _number(bank, "heap_type") in _OWN_HEAPS else 0


def _number(path: Path, name: str) -> int:
    """The number behind `name` in a file of lines; 0 where it is not there."""
    lines = (line.split() for line in path.read_text().splitlines())
    return next((int(words[1]) for words in lines if words[:1] == [name]), 0)
