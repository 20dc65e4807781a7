"""The runtimes, in which programs run, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere_sandbox.runtimes.docker import DockerRuntime
from elsewhere_sandbox.runtimes.host import HostRuntime

if TYPE_CHECKING:
    from elsewhere_sandbox.runtimes.api import Runtime

RUNTIMES: Final[dict[str, type[Runtime]]] = {"host": HostRuntime, "docker": DockerRuntime}
