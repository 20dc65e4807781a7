"""The settings of a worker: the agent's configuration, resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from elsewhere_sandbox.spec import RunPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.folders import Home
    from elsewhere_worker.secret_sources import SecretSource


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The settings, with times in seconds. All times of leases follow from `lease_s`."""

    name: str
    queues: tuple[str, ...]
    home: Home
    url: str = field(repr=False)
    slots: int = 1
    lease_s: float = 45.0
    lost_after_s: float = 900.0
    keep_runs_s: float = 86400.0
    code_memory_bytes: int = 1 << 30
    #: bytes by kind of `elsewhere_sandbox.caches`
    cache_budgets: Mapping[str, int] = field(default_factory=dict)
    #: bytes that must be free on the disk of the runs before a task is taken
    free_bytes: int = 0
    lend_store: bool = True
    policy: RunPolicy = field(default_factory=RunPolicy)
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)

    @property
    def renew_s(self) -> float:
        return self.lease_s / 4.5

    @property
    def sweep_s(self) -> float:
        return self.lease_s / 9

    @property
    def hold_s(self) -> float:
        return self.lease_s * 2
