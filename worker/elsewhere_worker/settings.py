"""What a worker needs to know: the agent's configuration, resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elsewhere.core.folders import Home

__all__ = ["WorkerSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Times in seconds. All that has to do with leases follows from `lease_s`."""

    name: str
    queues: tuple[str, ...]
    home: Home
    url: str = field(repr=False)
    slots: int = 1
    lease_s: float = 45.0
    lost_after_s: float = 900.0
    stop_grace_s: float = 10.0
    keep_runs_s: float = 86400.0
    pass_environment: tuple[str, ...] = ()
    allow_local_remotes: bool = False
    lend_store: bool = True
    git_credentials: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    output_uri: str = ""

    @property
    def renew_s(self) -> float:
        return self.lease_s / 4.5

    @property
    def sweep_s(self) -> float:
        return self.lease_s / 9

    @property
    def hold_s(self) -> float:
        return self.lease_s * 2
