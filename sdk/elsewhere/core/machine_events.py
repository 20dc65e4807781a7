"""What a running task reports of the machine that it runs on.

`core/events.py` passes it on.
"""

from __future__ import annotations

from elsewhere.core import kept
from elsewhere.core.frozen import dataclass
from elsewhere.core.kept import RESET, Event, declare


@declare("machine", kept.Recent("machines", last=20, by_attempt=True, cleared_by=RESET))
@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(Event):
    """The machine of an attempt; a later one replaces it. Limits are those of a container or a
    scheduler, 0 for none. Of several GPUs, types and memories have commas between them."""

    hostname: str
    platform: str
    os: str
    processor: str
    cpu_cores: int
    memory_gb: float
    disk_gb: float
    python_version: str
    python_exec: str
    cpu_limit_cores: float = 0.0
    memory_limit_gb: float = 0.0
    gpu_count: int = 0
    gpu_type: str = ""
    gpu_memory: str = ""
    gpu_driver_version: str = ""
    cuda_version: str = ""
