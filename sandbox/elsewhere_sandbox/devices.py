"""The variables by which a program finds the GPUs of its slot, and leaves the others alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from elsewhere_sandbox.slot import Slot

#: ids of AMD's devices, or their numbers; NVIDIA's have dashes inside
_AMD: Final = re.compile(r"GPU-[0-9a-f]{16}|\d+")


def variables_of(slot: Slot) -> dict[str, str]:
    """The variables that show a program the devices of the `slot`, and of a shared one its part:
    MPS keeps to it where it runs, JAX and TensorFlow by themselves. None if the agent does not give
    out devices."""
    if slot.hides_devices:
        return {
            "CUDA_VISIBLE_DEVICES": "",
            "NVIDIA_VISIBLE_DEVICES": "void",
            "ROCR_VISIBLE_DEVICES": "",
            "HIP_VISIBLE_DEVICES": "-1",  # empty, some of its versions take it for not set
        }
    if not slot.devices:
        return {}
    ids = ",".join(slot.devices)
    if all(map(_AMD.fullmatch, slot.devices)):
        # HIP counts those that ROCR shows. CUDA's variable would narrow them once more.
        numbers = ",".join(map(str, range(len(slot.devices))))
        found = {"ROCR_VISIBLE_DEVICES": ids, "HIP_VISIBLE_DEVICES": numbers}
    else:
        found = {"CUDA_VISIBLE_DEVICES": ids, "NVIDIA_VISIBLE_DEVICES": ids}
    if slot.share < 1:
        found |= {
            "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": f"{max(1, slot.share * 100):.0f}",
            "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": f"0={slot.device_bytes >> 20}M",
            "XLA_PYTHON_CLIENT_MEM_FRACTION": f"{slot.share * 0.9:.2f}",
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        }
    return found
