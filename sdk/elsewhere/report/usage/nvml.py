"""NVIDIA's library NVML, through nvidia-ml-py: whether it is there, and the devices that it has."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from elsewhere.core.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Device:
    """A device, or a part of one (MIG). `handle` is NVML's; `whole` and `whole_uuid` are those of
    the whole device."""

    index: int
    uuid: str
    handle: Any
    whole: Any
    whole_uuid: str
    part: int | None = None

    @property
    def name(self) -> str:
        return f"gpu_{self.index}" + ("" if self.part is None else f"_mig_{self.part}")


def library() -> Any:
    """The module pynvml, which is `nvml` below; None where NVIDIA's driver, or the module, is not
    installed."""
    try:
        import ctypes  # noqa: PLC0415 - weight

        ctypes.CDLL("libnvidia-ml.so.1")
    except (ImportError, OSError):
        return None
    try:
        import pynvml  # noqa: PLC0415 - weight, where there is no GPU
    except ImportError:
        logger.warning(
            "This machine has GPUs, which are not monitored: install elsewhere[resources], or"
            " nvidia-ml-py alone."
        )
        return None
    return pynvml


def end(nvml: Any) -> None:
    """Gives back what nvmlInit took; a driver that is gone does not take it."""
    with suppress(nvml.NVMLError):
        nvml.nvmlShutdown()


def parts(nvml: Any, index: int, whole: Any, uuid: str) -> Iterator[Device]:
    """Yields the device, or its parts where it is divided."""
    mode = tried(nvml, nvml.nvmlDeviceGetMigMode, whole)
    if mode is None or mode[0] != nvml.NVML_DEVICE_MIG_ENABLE:
        yield Device(index, uuid, whole, whole, uuid)
        return
    for part in range(nvml.nvmlDeviceGetMaxMigDeviceCount(whole)):
        handle = tried(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex, whole, part)
        if handle is not None:
            yield Device(index, nvml.nvmlDeviceGetUUID(handle), handle, whole, uuid, part)


def narrowed(devices: Sequence[Device], visible: str | None) -> list[Device]:
    """Returns those of the `devices` that CUDA shows for `visible`, the variable's value: indexes,
    beginnings of the ids of devices and of their parts, up to the first that names nothing.

    Indexes are NVML's, by PCI bus; CUDA's differ from them on machines with devices of several
    types, unless CUDA_DEVICE_ORDER=PCI_BUS_ID.
    """
    if visible is None:
        return list(devices)
    found: dict[str, Device] = {}
    for word in visible.split(","):
        named = [device for device in devices if is_named(device, word.strip())]
        if not named:
            break
        found.update({device.name: device for device in named})
    return list(found.values())


def is_named(device: Device, word: str) -> bool:
    if word.isascii() and word.isdigit():
        return device.index == int(word)
    if word.startswith("MIG-"):
        return device.part is not None and device.uuid.startswith(word)
    return word.startswith("GPU-") and device.whole_uuid.startswith(word)


def tried(nvml: Any, ask: Callable[..., Any], *given: Any) -> Any:
    """What NVML answers; None where the device or the driver does not support it."""
    try:
        return ask(*given)
    except (nvml.NVMLError, nvml.NVMLLibraryMismatchError):
        return None
